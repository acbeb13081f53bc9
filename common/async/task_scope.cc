#include "common/async/task_scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/ensure.h"

namespace weir {

namespace {

/// co_spawn runs its coroutine at once when it is called on the executor's thread; a caller in the middle of something
/// must not be overtaken by what it starts.
Async<void> begin_later(Async<void> work) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
  co_await std::move(work);
}

}  // namespace

TaskScope::TaskScope(asio::any_io_executor executor, std::string owner)
    : executor_(executor), owner_(std::move(owner)), empty_(executor) {
  empty_.set();
}

TaskScope::~TaskScope() {
  ENSURE(running_.empty(), "the scope of {} was destroyed while this ran in it: {}", owner_, fmt::join(names(), ", "));
}

TaskScope::Ticket TaskScope::start(std::string_view name, Async<void> work) {
  const Ticket ticket = next_ticket_++;
  if (closed_) return ticket;
  auto& running = running_[ticket];
  running.name = name;
  empty_.reset();
  auto slot = running.signal.slot();
  auto on_end = [this, ticket](std::exception_ptr thrown) { ended(ticket, thrown); };
  asio::co_spawn(executor_, begin_later(std::move(work)), asio::bind_cancellation_slot(slot, std::move(on_end)));
  return ticket;
}

void TaskScope::cancel(Ticket ticket) {
  const auto found = running_.find(ticket);
  if (found == running_.end()) return;
  found->second.is_cancelled = true;
  found->second.signal.emit(asio::cancellation_type::all);
}

void TaskScope::cancel_all() {
  closed_ = true;
  std::vector<Ticket> tickets;
  for (const auto& [ticket, running] : running_) tickets.push_back(ticket);
  for (const Ticket ticket : tickets) cancel(ticket);
}

Async<void> TaskScope::close() {
  cancel_all();
  co_await empty_.wait();
}

Async<void> TaskScope::wait_until_empty() { co_await empty_.wait(); }

std::vector<std::string> TaskScope::names() const {
  std::vector<std::string> names;
  for (const auto& [ticket, running] : running_) names.push_back(running.name);
  return names;
}

void TaskScope::ended(Ticket ticket, std::exception_ptr thrown) {
  const auto found = running_.find(ticket);
  ENSURE(found != running_.end(), "a coroutine of {} ended twice", owner_);
  if (thrown) {
    std::string problem = "an unknown exception";
    bool was_cancelled = found->second.is_cancelled;
    try {
      std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
      was_cancelled = was_cancelled || error.code() == asio::error::operation_aborted;
      problem = error.what();
    } catch (const std::exception& error) {
      problem = error.what();
    } catch (...) {
    }
    ENSURE(was_cancelled, "{} of {} threw: {}", found->second.name, owner_, problem);
  }
  running_.erase(found);
  if (running_.empty()) empty_.set();
}

}  // namespace weir

#include "common/rpc/connection.h"

#include <fmt/format.h>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "common/async/event.h"
#include "common/async/task_scope.h"
#include "common/base/ensure.h"
#include "common/observe/log.h"
#include "common/rpc/error_codec.h"
#include "common/rpc/frame_stream.h"

namespace weir::rpc {
namespace {

using std::chrono::milliseconds;

using namespace asio::experimental::awaitable_operators;

/// Looks at the peer's silence in the time that it may last.
constexpr int kLooksPerSilence = 4;

/// The time left, in whole milliseconds, rounded up; a deadline that has passed gives 0.
std::uint32_t remaining_ms(SteadyTime now, SteadyTime deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - now).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, 0xffffffff));
}

}  // namespace

/// Lives on: the control thread. At a fixed address: coroutines and callbacks refer to it.
class Connection::Core {
 public:
  Core(Connection& owner, asio::any_io_executor executor, Clock& clock, std::unique_ptr<FrameStream> stream,
       Identity peer, const MethodTable& methods, const Limits& limits)
      : owner_(owner),
        executor_(executor),
        clock_(clock),
        stream_(std::move(stream)),
        peer_(std::move(peer)),
        methods_(methods),
        limits_(limits),
        something_queued_(executor),
        deadline_added_(executor),
        loops_(executor, "an RPC connection"),
        handlers_(executor, "the RPC handlers of a connection") {
    stream_->set_payload_bytes_max(limits_.payload_bytes_max);
  }

  asio::awaitable<Error> run(std::function<void(const Error&)> ended);
  void end(Error reason);
  Async<std::string> call(MethodId method, std::string payload, SteadyTime deadline, std::uint64_t leader_epoch);
  void cancel_handlers();
  void watch_silence(milliseconds silence_max) {
    silence_max_ = silence_max;
    if (is_running_) loops_.start("watching silence", silence_loop(silence_max));
  }
  void on_later_epoch(std::function<void(std::uint64_t)> event) { later_epoch_ = std::move(event); }

  bool is_open() const noexcept { return !end_reason_.has_value(); }
  const Identity& peer() const noexcept { return peer_; }
  std::size_t calls_in_flight() const noexcept { return pending_.size(); }
  std::size_t queued_bytes() const noexcept { return queued_bytes_; }
  std::string describe() const {
    return fmt::format("{} {} at {}", role_name(peer_.role), peer_.name, stream_->peer_address());
  }

 private:
  using Completion = asio::any_completion_handler<void(Result<std::string>)>;
  struct Pending {
    Completion completion;
    SteadyTime deadline;
    std::uint64_t leader_epoch;
  };
  struct Running {
    TaskScope::Ticket ticket;
    bool ends_with_caller;
    std::size_t request_bytes;
  };
  /// Takes a handler out of the table when its coroutine is gone, whether or not it ever ran.
  class RunningEntry {
   public:
    RunningEntry(Core& core, std::uint64_t call_id) : core_(&core), call_id_(call_id) {}
    RunningEntry(RunningEntry&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), call_id_(other.call_id_) {}
    ~RunningEntry() {
      if (core_ != nullptr) core_->forget_running(call_id_);
    }

   private:
    Core* core_;
    std::uint64_t call_id_;
  };

  asio::awaitable<Error> read_loop();
  Async<void> write_loop();
  Async<void> expire_loop();
  Async<void> silence_loop(milliseconds silence_max);
  asio::awaitable<Result<std::string>> wait_reply(std::uint64_t call_id, SteadyTime deadline,
                                                  std::uint64_t leader_epoch);
  void on_reply(const FrameHeader& header, Result<std::string> result);
  Async<void> answer(RunningEntry running, std::uint64_t call_id, const MethodTable::Entry& entry, CallContext context,
                     std::string payload);
  Async<void> finish_handlers();

  Result<void> on_frame(Frame frame);
  Result<void> on_request(Frame frame);
  void on_cancel(std::uint64_t call_id);
  void forget_running(std::uint64_t call_id);
  void complete(std::uint64_t call_id, Result<std::string> result);
  void give_up(std::uint64_t call_id, Error reason);
  void reply(std::uint64_t call_id, Result<std::string> result);
  void enqueue(const FrameHeader& header, std::string payload);

  // Set once
  Connection& owner_;
  asio::any_io_executor executor_;
  Clock& clock_;
  std::function<void(std::uint64_t)> later_epoch_;
  std::unique_ptr<FrameStream> stream_;
  const Identity peer_;
  const MethodTable& methods_;
  const Limits limits_;
  // Control thread only: out
  std::deque<OutgoingFrame> queue_;
  std::size_t queued_bytes_ = 0;
  Event something_queued_;
  // Control thread only: calls that we make
  std::uint64_t next_call_id_ = 1;
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::set<std::pair<SteadyTime, std::uint64_t>> deadlines_;
  SteadyTime armed_for_ = SteadyTime::max();
  Event deadline_added_;
  // Control thread only: calls that we answer
  std::map<std::uint64_t, Running> running_;
  std::size_t running_bytes_ = 0;
  milliseconds silence_max_{0};  // 0: not watched
  std::optional<Error> end_reason_;
  bool is_running_ = false;
  TaskScope loops_;
  TaskScope handlers_;

  friend class Connection;
};

asio::awaitable<Error> Connection::Core::run(std::function<void(const Error&)> ended) {
  // From here to the end nothing throws: also a cancelled run leaves no handler behind.
  co_await asio::this_coro::throw_if_cancelled(false);
  ENSURE(!is_running_, "an RPC connection was run twice");
  is_running_ = true;
  loops_.start("writing", write_loop());
  loops_.start("deadlines of calls", expire_loop());
  if (silence_max_.count() > 0) loops_.start("watching silence", silence_loop(silence_max_));
  const Error stopped = co_await read_loop();
  auto state = co_await asio::this_coro::cancellation_state;
  const bool was_cancelled = state.cancelled() != asio::cancellation_type::none;
  end(was_cancelled ? Error::external(ErrorCode::unavailable, "the connection was ended on this side") : stopped);
  const Error reason = *end_reason_;
  if (reason.code != ErrorCode::unavailable) LOG_WARN("RPC connection closed: {}: {}", describe(), reason.message);
  if (ended) ended(reason);

  co_await loops_.close();
  co_await finish_handlers();
  is_running_ = false;
  co_await asio::this_coro::throw_if_cancelled(true);
  co_await unwind_if_cancelled();
  co_return reason;
}

Async<void> Connection::Core::finish_handlers() {
  while (handlers_.size() > 0) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) cancel_handlers();
    co_await handlers_.wait_until_empty();
  }
}

void Connection::Core::end(Error reason) {
  if (end_reason_) return;
  end_reason_ = std::move(reason);
  stream_->end();
  queue_.clear();
  queued_bytes_ = 0;
  const Error lost = end_reason_->within("lost the connection to " + describe());
  while (!pending_.empty()) complete(pending_.begin()->first, Error::external(ErrorCode::unavailable, lost.message));
  for (const auto& [call_id, running] : running_)
    if (running.ends_with_caller) handlers_.cancel(running.ticket);
}

void Connection::Core::cancel_handlers() { handlers_.cancel_all(); }

asio::awaitable<Error> Connection::Core::read_loop() {
  while (true) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      co_return Error::external(ErrorCode::unavailable, "the connection was ended on this side");
    auto frame = co_await stream_->read();
    if (!frame.ok()) co_return std::move(frame).error();
    auto taken = on_frame(std::move(frame).value());
    if (!taken.ok()) co_return std::move(taken).error();
  }
}

Async<void> Connection::Core::write_loop() {
  while (is_open()) {
    co_await something_queued_.wait();
    something_queued_.reset();
    const auto written = co_await stream_->write_all(queue_, queued_bytes_);
    if (!written.ok()) end(written.error());
  }
}

Async<void> Connection::Core::expire_loop() {
  while (true) {
    if (deadlines_.empty()) {
      armed_for_ = SteadyTime::max();
      deadline_added_.reset();
      co_await deadline_added_.wait();
      continue;
    }
    const auto [deadline, call_id] = *deadlines_.begin();
    if (deadline <= clock_.now()) {
      give_up(call_id, Error::external(ErrorCode::deadline_exceeded, "no answer in time from " + describe()));
      continue;
    }
    armed_for_ = deadline;
    deadline_added_.reset();
    auto earlier = deadline_added_.wait();
    auto sleep = clock_.sleep_until(deadline);
    auto race = std::move(earlier) || std::move(sleep);
    co_await std::move(race);
  }
}

/// What proves that the peer lives: bytes from it, or bytes that it takes while others wait behind them.
Async<void> Connection::Core::silence_loop(milliseconds silence_max) {
  std::uint64_t received = stream_->received_bytes();
  std::uint64_t sent = stream_->sent_bytes();
  SteadyTime heard_at = clock_.now();
  while (is_open()) {
    co_await clock_.sleep_for(silence_max / kLooksPerSilence);
    const SteadyTime now = clock_.now();
    const bool is_sending = !queue_.empty() && stream_->sent_bytes() != sent;
    if (stream_->received_bytes() != received || is_sending) heard_at = now;
    received = stream_->received_bytes();
    sent = stream_->sent_bytes();
    if (now - heard_at >= silence_max) {
      end(Error::external(ErrorCode::unavailable,
                          fmt::format("the peer has said nothing for {} ms, though it was asked: its process stands "
                                      "still, or the network drops what one side sends",
                                      std::chrono::duration_cast<milliseconds>(now - heard_at).count())));
      co_return;
    }
    if (heard_at == now || !queue_.empty()) continue;
    FrameHeader header;
    header.kind = FrameKind::ping;
    enqueue(header, std::string());
  }
}

// ---- calls that we make

Async<std::string> Connection::Core::call(MethodId method, std::string payload, SteadyTime deadline,
                                          std::uint64_t leader_epoch) {
  if (!is_open())
    co_return Error::external(ErrorCode::unavailable,
                              fmt::format("no connection to {}: {}", describe(), end_reason_->message));
  if (payload.size() > limits_.payload_bytes_max) {
    co_return Error{
        ErrorCode::invalid_argument, Blame::internal,
        fmt::format("a call of {} bytes; at most {} fit a frame", payload.size(), limits_.payload_bytes_max)};
  }
  if (pending_.size() >= limits_.calls_in_flight_max) {
    co_return Error::external(ErrorCode::resource_exhausted,
                              fmt::format("too many calls in flight to {}: {}", describe(), pending_.size()));
  }
  if (queued_bytes_ + payload.size() > limits_.queued_bytes_max) {
    co_return Error::external(ErrorCode::resource_exhausted,
                              fmt::format("{} reads too slowly: {} bytes wait to be sent", describe(), queued_bytes_));
  }
  FrameHeader header;
  header.kind = FrameKind::request;
  header.method = method;
  header.remaining_ms = remaining_ms(clock_.now(), deadline);
  header.call_id = next_call_id_++;
  header.leader_epoch = leader_epoch;
  if (header.remaining_ms == 0)
    co_return Error::external(ErrorCode::deadline_exceeded, "the deadline of a call had passed before it was sent");
  enqueue(header, std::move(payload));
  if (!is_open()) co_return *end_reason_;
  auto result = co_await wait_reply(header.call_id, deadline, leader_epoch);
  co_await unwind_if_cancelled();
  co_return result;
}

asio::awaitable<Result<std::string>> Connection::Core::wait_reply(std::uint64_t call_id, SteadyTime deadline,
                                                                  std::uint64_t leader_epoch) {
  auto initiate = [this, call_id, deadline, leader_epoch](auto handler) {
    // The type-erased handler has a cancellation slot of its own, which takes the place of the one underneath.
    Pending pending{Completion(std::move(handler)), deadline, leader_epoch};
    auto slot = asio::get_associated_cancellation_slot(pending.completion);
    if (slot.is_connected()) {
      slot.assign([this, call_id](asio::cancellation_type) {
        give_up(call_id, Error::external(ErrorCode::cancelled, "the call was given up"));
      });
    }
    pending_.emplace(call_id, std::move(pending));
    deadlines_.emplace(deadline, call_id);
    if (deadline < armed_for_) deadline_added_.set();
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<std::string>)>(std::move(initiate),
                                                                                        asio::use_awaitable);
}

void Connection::Core::complete(std::uint64_t call_id, Result<std::string> result) {
  const auto found = pending_.find(call_id);
  if (found == pending_.end()) return;  // expired or given up before
  auto pending = std::move(found->second);
  pending_.erase(found);
  deadlines_.erase({pending.deadline, call_id});
  // The caller may outlive this connection: nothing of ours stays in its cancellation slot.
  asio::get_associated_cancellation_slot(pending.completion).clear();
  asio::post(executor_, [completion = std::move(pending.completion), result = std::move(result)]() mutable {
    std::move(completion)(std::move(result));
  });
}

void Connection::Core::give_up(std::uint64_t call_id, Error reason) {
  if (!pending_.contains(call_id)) return;
  complete(call_id, std::move(reason));
  FrameHeader header;
  header.kind = FrameKind::cancel;
  header.call_id = call_id;
  enqueue(header, std::string());
}

// ---- calls that we answer

Result<void> Connection::Core::on_frame(Frame frame) {
  switch (frame.header.kind) {
    case FrameKind::request: return on_request(std::move(frame));
    case FrameKind::response: on_reply(frame.header, std::move(frame.payload)); return {};
    case FrameKind::error: on_reply(frame.header, decode_error(frame.payload)); return {};
    case FrameKind::cancel: on_cancel(frame.header.call_id); return {};
    case FrameKind::ping: {
      FrameHeader pong;
      pong.kind = FrameKind::pong;
      enqueue(pong, std::string());
      return {};
    }
    case FrameKind::pong: return {};
    case FrameKind::proof:
    case FrameKind::handshake: break;
  }
  return Error::external(ErrorCode::corrupt, "a second handshake");
}

void Connection::Core::on_reply(const FrameHeader& header, Result<std::string> result) {
  const auto found = pending_.find(header.call_id);
  if (found == pending_.end()) return;  // expired or given up before
  const bool is_later = header.leader_epoch > found->second.leader_epoch;
  complete(header.call_id, std::move(result));
  if (is_later && later_epoch_) later_epoch_(header.leader_epoch);
}

Result<void> Connection::Core::on_request(Frame frame) {
  const std::uint64_t call_id = frame.header.call_id;
  if (running_.contains(call_id))
    return Error::external(ErrorCode::corrupt, fmt::format("the number of a running call came again: {}", call_id));
  const auto* entry = methods_.find(frame.header.method);
  if (entry == nullptr) {
    reply(call_id, Error::external(ErrorCode::invalid_argument,
                                   fmt::format("unknown method {}: the two processes may be of different releases",
                                               frame.header.method.number)));
    return {};
  }
  const std::size_t request_bytes = frame.payload.size();
  if (running_.size() >= limits_.handlers_max || running_bytes_ + request_bytes > limits_.handler_bytes_max) {
    reply(call_id, Error::external(ErrorCode::resource_exhausted,
                                   fmt::format("too many calls at once: {} with {} bytes are being answered",
                                               running_.size(), running_bytes_)));
    return {};
  }
  if (auto admitted = methods_.admit(*entry, peer_, frame.header.leader_epoch); !admitted.ok()) {
    reply(call_id, std::move(admitted).error());
    return {};
  }
  CallContext context;
  context.peer = &peer_;
  context.connection = &owner_;
  context.deadline = clock_.now() + milliseconds(frame.header.remaining_ms);
  context.leader_epoch = frame.header.leader_epoch;
  running_.emplace(call_id, Running{0, entry->policy.ends_with_caller, request_bytes});
  running_bytes_ += request_bytes;
  auto work = answer(RunningEntry(*this, call_id), call_id, *entry, context, std::move(frame.payload));
  const auto ticket = handlers_.start(entry->name, std::move(work));
  // Gone again when the scope is closing.
  if (const auto found = running_.find(call_id); found != running_.end()) found->second.ticket = ticket;
  return {};
}

Async<void> Connection::Core::answer([[maybe_unused]] RunningEntry running, std::uint64_t call_id,
                                     const MethodTable::Entry& entry, CallContext context, std::string payload) {
  auto result = co_await entry.handler(context, std::move(payload));
  reply(call_id, std::move(result));
}

void Connection::Core::on_cancel(std::uint64_t call_id) {
  const auto found = running_.find(call_id);
  if (found != running_.end() && found->second.ends_with_caller) handlers_.cancel(found->second.ticket);
}

void Connection::Core::forget_running(std::uint64_t call_id) {
  const auto found = running_.find(call_id);
  running_bytes_ -= found->second.request_bytes;
  running_.erase(found);
}

void Connection::Core::reply(std::uint64_t call_id, Result<std::string> result) {
  if (result.ok() && result.value().size() > limits_.payload_bytes_max) {
    result = Error{
        ErrorCode::resource_exhausted, Blame::internal,
        fmt::format("an answer of {} bytes; at most {} fit a frame", result.value().size(), limits_.payload_bytes_max)};
  }
  FrameHeader header;
  header.kind = result.ok() ? FrameKind::response : FrameKind::error;
  header.call_id = call_id;
  header.leader_epoch = methods_.epoch();
  enqueue(header, result.ok() ? std::move(result).value() : encode_error(result.error()));
}

void Connection::Core::enqueue(const FrameHeader& header, std::string payload) {
  if (!is_open()) return;
  queue_.emplace_back(header, std::move(payload));
  queued_bytes_ += queue_.back().size();
  // Calls were refused before; what exceeds the limit here are answers, and an answer can't be left out.
  if (queued_bytes_ > limits_.queued_bytes_max + limits_.payload_bytes_max) {
    end(Error::external(ErrorCode::resource_exhausted,
                        fmt::format("the peer reads too slowly: {} bytes of answers wait to be sent", queued_bytes_)));
    return;
  }
  something_queued_.set();
}

// ---- the outside

namespace {

std::unique_ptr<FrameStream> open_stream(const asio::any_io_executor& executor, UniqueFd fd, const Limits& limits) {
  return std::make_unique<FrameStream>(executor, std::move(fd), limits.payload_bytes_max, limits.silence_max);
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, Clock& clock, UniqueFd fd, Identity peer,
                       const MethodTable& methods, const Limits& limits)
    : core_(std::make_unique<Core>(*this, executor, clock, open_stream(executor, std::move(fd), limits),
                                   std::move(peer), methods, limits)) {}

Connection::Connection(const Node& node, std::unique_ptr<FrameStream> stream, Identity peer, const MethodTable& methods)
    : core_(std::make_unique<Core>(*this, node.executor, node.clock, std::move(stream), std::move(peer), methods,
                                   node.limits)) {
  core_->watch_silence(node.limits.silence_max);
}

Connection::~Connection() {
  ENSURE(!core_->is_running_, "the RPC connection to {} was destroyed while it ran", core_->describe());
  core_->end(Error::external(ErrorCode::unavailable, "the connection was ended on this side"));
}

asio::awaitable<Error> Connection::run(std::function<void(const Error&)> ended) { return core_->run(std::move(ended)); }
void Connection::end(const std::string& reason) { core_->end(Error::external(ErrorCode::unavailable, reason)); }
void Connection::watch_silence(std::chrono::milliseconds silence_max) { core_->watch_silence(silence_max); }
void Connection::on_later_epoch(std::function<void(std::uint64_t epoch)> event) {
  core_->on_later_epoch(std::move(event));
}
void Connection::cancel_handlers() { core_->cancel_handlers(); }
Async<std::string> Connection::call(MethodId method, std::string payload, SteadyTime deadline,
                                    std::uint64_t leader_epoch) {
  return core_->call(method, std::move(payload), deadline, leader_epoch);
}
bool Connection::is_open() const noexcept { return core_->is_open(); }
const Identity& Connection::peer() const noexcept { return core_->peer(); }
std::size_t Connection::calls_in_flight() const noexcept { return core_->calls_in_flight(); }
std::size_t Connection::queued_bytes() const noexcept { return core_->queued_bytes(); }

}  // namespace weir::rpc

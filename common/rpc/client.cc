#include "common/rpc/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/async/deadline.h"
#include "common/async/event.h"
#include "common/async/task_scope.h"
#include "common/base/ensure.h"
#include "common/observe/log.h"
#include "common/rpc/backoff.h"
#include "common/rpc/dial.h"

namespace weir::rpc {
namespace {

std::uint64_t seed_of(const Incarnation& incarnation) { return std::hash<Incarnation>()(incarnation); }

/// The dial was answered, and not by a peer of ours: what was there is gone.
bool is_refusal(const Error& error) {
  return error.code != ErrorCode::deadline_exceeded && error.code != ErrorCode::not_found;
}

}  // namespace

/// Lives on: the control thread. At a fixed address: coroutines refer to it.
class Client::Core {
 public:
  Core(const Node& node, Address address, const MethodTable& methods, ClientEvents events)
      : node_(node),
        clock_(node.clock),
        address_(std::move(address)),
        methods_(methods),
        events_(std::move(events)),
        backoff_(node.limits.backoff_min, node.limits.backoff_max, seed_of(node.self.incarnation)),
        connected_(node.executor),
        disconnected_(node.executor),
        scope_(node.executor, "an RPC client") {
    disconnected_.set();
  }

  void start() {
    ENSURE(scope_.size() == 0, "an RPC client was started twice: {}", address_.to_string());
    scope_.start("dialling " + address_.to_string(), keep_connected());
  }
  Async<void> close() { return scope_.close(); }
  /// The open connection, or null.
  Connection* connection() const noexcept {
    return connection_ != nullptr && connection_->is_open() ? connection_ : nullptr;
  }
  void drop(const std::string& reason) {
    if (connection() == nullptr) return;
    connected_.reset();
    connection_->end(reason);
  }
  const Address& address() const noexcept { return address_; }
  Error not_connected() const {
    return Error::external(ErrorCode::unavailable, fmt::format("no connection to {}{}{}", address_.to_string(),
                                                               last_failure_.empty() ? "" : ": ", last_failure_));
  }
  Async<Result<void>> wait_connected(SteadyTime deadline);

 private:
  Async<void> keep_connected();
  Async<void> serve(Dialled dialled);
  void on_dialled(const Identity& peer);
  void on_dial_failed(const Error& reason);
  void tell_lost(const Error& reason);
  void on_ended(const Error& reason);

  // Set once
  const Node node_;
  Clock& clock_;
  const Address address_;
  const MethodTable& methods_;
  const ClientEvents events_;
  // Control thread only
  HostNames names_{clock_};
  Backoff backoff_;
  Connection* connection_ = nullptr;  ///< the one being served, until its end has been told
  std::optional<Identity> peer_;      ///< connected, or expected back until keep_until_
  SteadyTime keep_until_{};
  std::string last_failure_;
  std::uint64_t failures_in_a_row_ = 0;
  Event connected_;
  Event disconnected_;
  TaskScope scope_;
};

Async<void> Client::Core::keep_connected() {
  while (true) {
    const SteadyTime dial_by = peer_ ? keep_until_ : SteadyTime::max();
    auto dialled = co_await dial(address_, node_, names_, dial_by);
    if (dialled.ok()) {
      on_dialled(dialled.value().peer);
      disconnected_.reset();
      scope_.start("the connection to " + address_.to_string(), serve(std::move(dialled).value()));
      co_await disconnected_.wait();
      continue;
    }
    on_dial_failed(dialled.error());
    SteadyTime wake = clock_.now() + backoff_.next();
    if (peer_) wake = std::min(wake, keep_until_);
    co_await clock_.sleep_until(wake);
  }
}

/// Apart from the dialling: handlers of an ended connection may still run while the next one is made.
Async<void> Client::Core::serve(Dialled dialled) {
  Connection connection(node_, std::move(dialled.stream), std::move(dialled.peer), methods_);
  if (events_.later_epoch) {
    connection.on_later_epoch(
        [this, &connection](std::uint64_t epoch) { events_.later_epoch(connection.peer(), epoch); });
  }
  const bool was_kept = peer_.has_value();
  connection_ = &connection;
  peer_ = connection.peer();
  connected_.set();
  const auto& tell = was_kept ? events_.kept : events_.connected;
  if (tell) tell(connection.peer());
  auto ended = [this](const Error& reason) { on_ended(reason); };
  std::function<void(const Error&)> on_end = ended;
  auto run = connection.run(std::move(on_end));
  co_await std::move(run);
}

void Client::Core::on_dialled(const Identity& peer) {
  backoff_.reset();
  failures_in_a_row_ = 0;
  last_failure_.clear();
  if (peer_ && peer_->incarnation != peer.incarnation) {
    tell_lost(Error::external(ErrorCode::unavailable,
                              fmt::format("{} was restarted: another incarnation answered", address_.to_string())));
  }
}

void Client::Core::on_dial_failed(const Error& reason) {
  last_failure_ = reason.message;
  if (peer_ && (is_refusal(reason) || clock_.now() >= keep_until_)) {
    tell_lost(reason);
    return;
  }
  if (peer_) return;
  ++failures_in_a_row_;
  if (events_.dial_failed) events_.dial_failed(reason, failures_in_a_row_);
}

void Client::Core::tell_lost(const Error& reason) {
  const Identity peer = *peer_;
  peer_.reset();
  if (events_.lost) events_.lost(peer, reason);
}

void Client::Core::on_ended(const Error& reason) {
  connection_ = nullptr;
  connected_.reset();
  last_failure_ = reason.message;
  keep_until_ = clock_.now() + node_.limits.keep_time;
  backoff_.reset();
  disconnected_.set();
}

Async<Result<void>> Client::Core::wait_connected(SteadyTime deadline) {
  while (connection() == nullptr) {
    if (clock_.now() >= deadline) {
      co_return Error::external(ErrorCode::deadline_exceeded, "no answer in time: " + not_connected().message);
    }
    std::string what = "connect";
    auto waiting = with_deadline(clock_, deadline, std::move(what), wait_for(connected_));
    (void)co_await std::move(waiting);
  }
  co_return Result<void>();
}

Client::Client(const Node& node, Address address, const MethodTable& methods, ClientEvents events)
    : core_(std::make_unique<Core>(node, std::move(address), methods, std::move(events))) {}
Client::~Client() = default;
void Client::start() { core_->start(); }
Async<void> Client::close() { return core_->close(); }

Async<std::string> Client::call(MethodId method, std::string payload, SteadyTime deadline, std::uint64_t leader_epoch) {
  if (core_->connection() == nullptr) co_return core_->not_connected();
  co_return co_await core_->connection()->call(method, std::move(payload), deadline, leader_epoch);
}

Async<Result<void>> Client::wait_connected(SteadyTime deadline) { return core_->wait_connected(deadline); }
bool Client::is_connected() const noexcept { return core_->connection() != nullptr; }
void Client::drop_connection(const std::string& reason) { core_->drop(reason); }
const Address& Client::address() const noexcept { return core_->address(); }

}  // namespace weir::rpc

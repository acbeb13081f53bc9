#include "common/rpc/server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "common/base/ensure.h"
#include "common/observe/log.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/handshake.h"

namespace weir::rpc {
namespace {

/// How long to leave peers waiting when this process or the machine has no descriptor left.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// A flood from everywhere must not fill the log's disk, nor this set the memory.
constexpr std::size_t kLoggedPeersMax = 1024;

}  // namespace

/// Lives on: the control thread. At a fixed address: coroutines refer to it.
class Server::Core {
 public:
  Core(const Node& node, const MethodTable& methods, ServerEvents events)
      : node_(node),
        methods_(methods),
        events_(std::move(events)),
        listener_(node.executor),
        scope_(node.executor, "an RPC server") {}

  void start(ListenSocket listener);
  Async<void> close();
  std::uint16_t port() const noexcept { return port_; }
  std::size_t connections() const noexcept { return open_; }

 private:
  /// One accepted socket, counted as long as it lives.
  class Place {
   public:
    explicit Place(std::size_t& count) : count_(&count) { ++*count_; }
    Place(Place&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    ~Place() {
      if (count_ != nullptr) --*count_;
    }

   private:
    std::size_t* count_;
  };

  Async<void> accept_loop();
  /// Accepts what is there now. @return errno when it must wait for descriptors, else 0
  int accept_ready();
  Async<void> serve(Place place, UniqueFd fd);
  void log_refused(const std::string& peer, const std::string& why);

  // Set once
  const Node node_;
  const MethodTable& methods_;
  const ServerEvents events_;
  std::uint16_t port_ = 0;
  // Control thread only
  asio::posix::stream_descriptor listener_;
  std::size_t open_ = 0;
  bool is_full_ = false;                // and it was said
  std::set<std::string> logged_peers_;  // addresses without port
  TaskScope scope_;
};

void Server::Core::start(ListenSocket listener) {
  ENSURE(!listener_.is_open(), "an RPC server was started twice, on port {}", port_);
  port_ = listener.port;
  listener_.assign(listener.fd.release());
  scope_.start("accepting", accept_loop());
}

Async<void> Server::Core::close() {
  co_await scope_.close();
  boost::system::error_code ignored;
  listener_.close(ignored);
}

Async<void> Server::Core::accept_loop() {
  while (true) {
    boost::system::error_code problem;
    co_await listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                                  asio::redirect_error(asio::use_awaitable, problem));
    co_await unwind_if_cancelled();
    const int stuck = accept_ready();
    if (stuck == 0) continue;
    LOG_ERROR("cannot accept RPC connections on port {}: {}; trying again", port_, std::strerror(stuck));
    co_await node_.clock.sleep_for(kAcceptPause);
  }
}

int Server::Core::accept_ready() {
  while (true) {
    UniqueFd fd(::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      const bool is_out_of_something = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (is_out_of_something) return errno;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
      continue;  // this one peer has gone before it was accepted
    }
    if (open_ >= node_.limits.connections_max) {
      if (!std::exchange(is_full_, true))
        LOG_WARN("RPC connections are refused on port {}: {} are open, which is the limit", port_, open_);
      continue;
    }
    is_full_ = false;
    scope_.start("a connection", serve(Place(open_), std::move(fd)));
  }
}

Async<void> Server::Core::serve([[maybe_unused]] Place place, UniqueFd fd) {
  const Limits& limits = node_.limits;
  auto stream = std::make_unique<FrameStream>(node_.executor, std::move(fd), kHandshakeBytesMax, limits.silence_max);
  auto peer = co_await welcome(*stream, node_, node_.clock.now() + limits.handshake_timeout);
  if (!peer.ok()) {
    log_refused(stream->peer_address(), peer.error().message);
    co_return;
  }
  Connection connection(node_, std::move(stream), std::move(peer).value(), methods_);
  if (events_.connected) events_.connected(connection);
  auto ended = [this, &connection](const Error& reason) {
    if (events_.lost) events_.lost(connection, reason);
  };
  std::function<void(const Error&)> on_end = ended;
  auto run = connection.run(std::move(on_end));
  const Error reason = co_await std::move(run);
  LOG_DEBUG("RPC connection of {} {} ended: {}", role_name(connection.peer().role), connection.peer().name,
            reason.message);
}

void Server::Core::log_refused(const std::string& peer, const std::string& why) {
  const std::string address = peer.substr(0, peer.rfind(':'));
  if (logged_peers_.size() >= kLoggedPeersMax || !logged_peers_.insert(address).second) return;
  LOG_WARN("RPC peer at {} refused: {} (said once per address)", peer, why);
}

Server::Server(const Node& node, const MethodTable& methods, ServerEvents events)
    : core_(std::make_unique<Core>(node, methods, std::move(events))) {}
Server::~Server() = default;
void Server::start(ListenSocket listener) { core_->start(std::move(listener)); }
Async<void> Server::close() { return core_->close(); }
std::uint16_t Server::port() const noexcept { return core_->port(); }
std::size_t Server::connections() const noexcept { return core_->connections(); }

}  // namespace weir::rpc

// One live connection to a peer: calls go both ways over it.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/unique_fd.h"
#include "common/rpc/caller.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "common/rpc/node.h"

namespace weir::rpc {

class FrameStream;

/// Serves a method table to the peer and makes calls to it, many at a time, over one stream.
/// Lives on: the control thread. Owned by Server, Client or, over a socket pair, by whoever made the pair.
/// Life cycle: made -> run(), which ends with the stream, with end(), or cancelled -> destroyed.
/// Promise: once it has ended every pending and every later call fails with unavailable; handlers that change something
/// still run to their end, their answers are dropped.
class Connection final : public Caller {
 public:
  /// Over a fresh pair of sockets, without handshake: both ends know each other.
  /// @param clock  outlives the connection
  /// @param fd     a connected stream socket
  /// @param peer   who is at the other end
  Connection(asio::any_io_executor executor, Clock& clock, UniqueFd fd, Identity peer, const MethodTable& methods,
             const Limits& limits);
  /// After a handshake over `stream`; silence is watched from the beginning.
  Connection(const Node& node, std::unique_ptr<FrameStream> stream, Identity peer, const MethodTable& methods);
  ~Connection() override;  ///< not while run() is under way

  /// Reads and serves until the stream ends or end() is called, then waits for the handlers. Cancelled, it ends the
  /// stream, cancels all handlers, waits for them, and only then unwinds.
  /// @param ended  called once, as soon as the stream has ended and before the handlers are waited for; may be empty
  /// @return       why it ended: unavailable "closed by the peer" and the like, corrupt when the bytes were wrong
  asio::awaitable<Error> run(std::function<void(const Error&)> ended);
  /// Ends the stream now: pending calls fail with unavailable, handlers of `ends_with_caller` are cancelled, run()
  /// returns soon. Does not wait.
  void end(const std::string& reason);
  /// Asks the peer now and then, from now on, and ends the connection when it has said nothing for `silence_max`.
  /// The peer replies from the loop that reads: it is silent when its process, its control thread or the network stands
  /// still. Once, while run() is under way or before.
  void watch_silence(std::chrono::milliseconds silence_max);
  /// Called whenever a reply names a later leader epoch than its call did.
  void on_later_epoch(std::function<void(std::uint64_t epoch)> event);
  /// Cancels every handler, also those that run to their end; for the end of a daemon.
  void cancel_handlers();

  Async<std::string> call(MethodId method, std::string payload, SteadyTime deadline,
                          std::uint64_t leader_epoch) override;

  bool is_open() const noexcept;
  const Identity& peer() const noexcept;
  std::size_t calls_in_flight() const noexcept;
  std::size_t queued_bytes() const noexcept;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir::rpc

// One live connection to a peer: calls go both ways over it.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/unique_fd.h"
#include "common/rpc/caller.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"

namespace weir::rpc {

class FrameStream;

/// Serves a method table to the peer and makes calls to it, many at a time, over one stream.
/// Lives on: the control thread. Owned by RpcServer, RpcClient or, over a socket pair, by whoever made the pair.
/// Life cycle: made -> run() (started in the owner's gate) -> the stream ends or end() -> run() returns -> close() -> destroyed.
/// Promise: once it has ended every pending and every later call fails with unavailable; handlers that change something still
/// run to their end, their answers are dropped.
class Connection final : public Caller {
 public:
  /// Over a fresh pair of sockets, without handshake: both ends know each other.
  /// @param fd    a connected stream socket
  /// @param peer  who is at the other end
  Connection(asio::any_io_executor executor, UniqueFd fd, Identity peer, const MethodTable& methods,
             const Limits& limits);
  /// After a handshake over `stream`.
  Connection(asio::any_io_executor executor, std::unique_ptr<FrameStream> stream, Identity peer,
             const MethodTable& methods, const Limits& limits);
  ~Connection() override;  ///< ENSUREs that close() has been awaited, unless run() was never called

  /// Reads and serves until the stream ends or end() is called.
  /// @return  why it ended; unavailable "closed by the peer" and the like, corrupt when the bytes were wrong
  asio::awaitable<Error> run();
  /// Ends the stream now: pending calls fail with unavailable, run() returns soon. Does not wait.
  void end(const std::string& reason);
  /// end(), cancels all handlers, waits for them.
  Async<void> close();
  /// After run(): waits for handlers that run to their end; those that end with their caller have been cancelled.
  Async<void> finish_handlers();

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

// Hands open sockets to another process.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <string>

#include "common/async/task.h"
#include "common/base/unique_fd.h"

namespace weir::rpc {

/// Small messages, each with at most one descriptor, over one end of a `packet_socket_pair()`.
/// Lives on: the control thread. Owned by whoever made the pair; one send and one receive may be under way at a time.
class FdChannel {
 public:
  static constexpr std::size_t kMessageBytesMax = 16 * 1024;

  struct Message {
    std::string text;
    UniqueFd fd;  ///< close-on-exec; invalid when the message carried none
  };

  FdChannel(asio::any_io_executor executor, UniqueFd socket);
  ~FdChannel();

  /// Waits while the peer's queue is full.
  /// Errors: invalid_argument (internal) above kMessageBytesMax or empty; unavailable when the peer is gone; io.
  Async<Result<void>> send(std::string text, UniqueFd fd);
  /// Errors: unavailable when the peer has closed; corrupt when a message was too long or carried more than one
  /// descriptor (all of them are closed).
  Async<Message> receive();
  /// Makes waiting send and receive fail with unavailable.
  void end();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir::rpc

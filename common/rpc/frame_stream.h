// Frames over a socket. For .cc files of this folder: it includes Asio's sockets.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "common/async/task.h"
#include "common/base/unique_fd.h"
#include "common/rpc/frame.h"

namespace weir::rpc {

/// A frame on its way out.
struct OutgoingFrame {
  OutgoingFrame(const FrameHeader& header, std::string body)
      : head(encode_frame_header(header, body)), payload(std::move(body)) {}
  std::size_t size() const noexcept { return head.size() + payload.size(); }

  std::array<char, kFrameHeaderBytes> head;
  std::string payload;
};

/// Reads and writes whole frames over one connected stream socket, TCP or Unix. (Encryption would go in here: nobody
/// above sees the socket.) Lives on: the control thread. One read and one write may be under way at a time.
class FrameStream {
 public:
  /// @param silence_max  over TCP: the kernel gives up on bytes that nobody acknowledges for so long
  FrameStream(asio::any_io_executor executor, UniqueFd fd, std::size_t payload_bytes_max,
              std::chrono::milliseconds silence_max);

  void set_payload_bytes_max(std::size_t bytes) { decoder_.set_payload_bytes_max(bytes); }

  /// The next frame.
  /// Errors: unavailable when the peer closed or reset, or end() was called; corrupt and resource_exhausted from the
  /// decoder.
  Async<Frame> read();
  /// Writes frames from the front of `queue`, also those added meanwhile, until it is empty; takes each out once it is
  /// written and subtracts it from `queued_bytes`.
  /// Errors: unavailable.
  Async<Result<void>> write_all(std::deque<OutgoingFrame>& queue, std::size_t& queued_bytes);
  /// Closes the socket; what waits fails with unavailable.
  void end();

  /// Bytes received so far, also those of an unfinished frame.
  std::uint64_t received_bytes() const noexcept { return received_bytes_; }
  /// Bytes that the kernel has taken so far.
  std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }

  /// "127.0.0.1:6123", or "socket pair".
  const std::string& peer_address() const noexcept { return peer_address_; }

 private:
  Error failed(const boost::system::error_code& problem) const;

  asio::generic::stream_protocol::socket socket_;
  std::string peer_address_;
  FrameDecoder decoder_;
  std::uint64_t received_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace weir::rpc

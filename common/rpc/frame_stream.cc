#include "common/rpc/frame_stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

namespace weir::rpc {
namespace {

using boost::system::error_code;

/// Pieces handed to the kernel in one call.
constexpr std::size_t kPiecesMax = 64;

std::string describe_peer(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char text[INET6_ADDRSTRLEN] = {};
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "an unconnected socket";
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(four.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(six.sin6_port));
  }
  return "socket pair";
}

int family_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family;
}

/// Where one direction of the network drops everything, the kernel would try on for a quarter of an hour.
void set_options(int fd, int family, std::chrono::milliseconds silence_max) {
  const auto set = [fd](int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); };
  if (family == AF_UNIX) return;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(silence_max / 3).count();
  const int pause_s = static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 3'600));
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, pause_s);
  set(IPPROTO_TCP, TCP_KEEPINTVL, pause_s);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::clamp<std::int64_t>(silence_max.count(), 1, 1 << 30)));
}

/// The pieces at the front of `queue`, without the first `skipped` bytes.
std::vector<asio::const_buffer> front_pieces(const std::deque<OutgoingFrame>& queue, std::size_t skipped) {
  std::vector<asio::const_buffer> pieces;
  const auto add = [&](const char* data, std::size_t size) {
    const std::size_t left_out = std::min(skipped, size);
    skipped -= left_out;
    if (size > left_out) pieces.emplace_back(data + left_out, size - left_out);
  };
  for (const auto& frame : queue) {
    if (pieces.size() + 2 > kPiecesMax) break;
    add(frame.head.data(), frame.head.size());
    add(frame.payload.data(), frame.payload.size());
  }
  return pieces;
}

}  // namespace

FrameStream::FrameStream(asio::any_io_executor executor, UniqueFd fd, std::size_t payload_bytes_max,
                         std::chrono::milliseconds silence_max)
    : socket_(std::move(executor)), decoder_(payload_bytes_max) {
  const int family = family_of(fd.get());
  set_options(fd.get(), family, silence_max);
  peer_address_ = describe_peer(fd.get());
  error_code problem;
  const asio::generic::stream_protocol protocol(family, 0);
  socket_.assign(protocol, fd.get(), problem);
  if (!problem) (void)fd.release();
  socket_.non_blocking(true, problem);
  if (problem) end();
}

Error FrameStream::failed(const error_code& problem) const {
  if (ended_) return Error::external(ErrorCode::unavailable, "the connection was ended on this side");
  if (problem == asio::error::eof) return Error::external(ErrorCode::unavailable, "closed by the peer");
  return Error::external(ErrorCode::unavailable, problem.message());
}

Async<Frame> FrameStream::read() {
  while (true) {
    auto frame = decoder_.next();
    if (!frame.ok()) co_return std::move(frame).error();
    if (frame.value().has_value()) co_return std::move(*frame.value());
    if (ended_) co_return failed(asio::error::operation_aborted);
    const auto space = decoder_.writable();
    const asio::mutable_buffer target(space.data(), space.size());
    error_code problem;
    const std::size_t count =
        co_await socket_.async_read_some(target, asio::redirect_error(asio::use_awaitable, problem));
    if (problem == asio::error::operation_aborted) co_await unwind_if_cancelled();
    if (problem == asio::error::eof && !decoder_.is_between_frames()) {
      co_return Error::external(ErrorCode::unavailable, "closed by the peer in the middle of a frame");
    }
    if (problem) co_return failed(problem);
    received_bytes_ += count;
    decoder_.commit(count);
  }
}

Async<Result<void>> FrameStream::write_all(std::deque<OutgoingFrame>& queue, std::size_t& queued_bytes) {
  std::size_t written_of_front = 0;
  while (!queue.empty()) {
    if (ended_) co_return failed(asio::error::operation_aborted);
    error_code problem;
    const auto pieces = front_pieces(queue, written_of_front);
    std::size_t written = socket_.write_some(pieces, problem);
    if (problem == asio::error::would_block || problem == asio::error::try_again) {
      problem.clear();
      co_await socket_.async_wait(asio::socket_base::wait_write, asio::redirect_error(asio::use_awaitable, problem));
      if (problem == asio::error::operation_aborted) co_await unwind_if_cancelled();
      if (ended_) co_return failed(problem);  // the queue may have been emptied meanwhile
      written = 0;
    }
    if (problem) co_return failed(problem);
    sent_bytes_ += written;
    written_of_front += written;
    while (!queue.empty() && written_of_front >= queue.front().size()) {
      written_of_front -= queue.front().size();
      queued_bytes -= queue.front().size();
      queue.pop_front();
    }
  }
  co_return Result<void>();
}

void FrameStream::end() {
  ended_ = true;
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace weir::rpc

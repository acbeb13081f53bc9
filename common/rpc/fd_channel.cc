#include "common/rpc/fd_channel.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "common/base/ensure.h"

namespace weir::rpc {
namespace {

/// Descriptors for which a received message has space: enough to see, and close, that there were too many.
constexpr std::size_t kFdsMax = 8;

union FdSpace {
  char bytes[CMSG_SPACE(sizeof(int) * kFdsMax)];
  cmsghdr alignment;
};

Error gone() { return Error::external(ErrorCode::unavailable, "the peer has closed the channel"); }

Error failed(const char* what) {
  const bool is_gone = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == EBADF;
  if (is_gone) return gone();
  return Error::external(ErrorCode::io, fmt::format("cannot {} over a Unix socket: {}", what, std::strerror(errno)));
}

std::vector<UniqueFd> take_fds(const msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&header), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + index * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

/// Nothing when it would block.
std::optional<Result<void>> try_send(int socket, const std::string& text, int fd) {
  iovec piece{const_cast<char*>(text.data()), text.size()};
  FdSpace space{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = space.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  const auto sent = ::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return Result<void>();
  if (errno == EAGAIN || errno == EINTR) return std::nullopt;
  return Result<void>(failed("send"));
}

/// Nothing when it would block.
std::optional<Result<FdChannel::Message>> try_receive(int socket, std::vector<char>& buffer) {
  iovec piece{buffer.data(), buffer.size()};
  FdSpace space{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = space.bytes;
  header.msg_controllen = sizeof space.bytes;
  const auto received = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    return Result<FdChannel::Message>(failed("receive"));
  }
  auto fds = take_fds(header);
  if (received == 0 && fds.empty()) return Result<FdChannel::Message>(gone());
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || fds.size() > 1) {
    return Result<FdChannel::Message>(
        Error::external(ErrorCode::corrupt,
                        fmt::format("a message on a Unix socket may have {} bytes and one descriptor; this one has {} "
                                    "bytes or more and {} descriptors",
                                    FdChannel::kMessageBytesMax, received, fds.size())));
  }
  FdChannel::Message message;
  message.text.assign(buffer.data(), static_cast<std::size_t>(received));
  if (!fds.empty()) message.fd = std::move(fds.front());
  return Result<FdChannel::Message>(std::move(message));
}

}  // namespace

/// Lives on: the control thread.
class FdChannel::Core {
 public:
  Core(asio::any_io_executor executor, UniqueFd socket) : socket_(std::move(executor)), buffer_(kMessageBytesMax) {
    socket_.assign(socket.release());
  }

  Async<Result<void>> send(std::string text, UniqueFd fd);
  Async<Message> receive();
  void end() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  asio::posix::stream_descriptor socket_;
  std::vector<char> buffer_;
};

Async<Result<void>> FdChannel::Core::send(std::string text, UniqueFd fd) {
  if (text.empty() || text.size() > kMessageBytesMax) {
    co_return Error{
        ErrorCode::invalid_argument, Blame::internal,
        fmt::format("a message with a descriptor has 1 to {} bytes, this has {}", kMessageBytesMax, text.size())};
  }
  while (socket_.is_open()) {
    auto sent = try_send(socket_.native_handle(), text, fd.get());
    if (sent.has_value()) co_return std::move(*sent);
    boost::system::error_code problem;
    co_await socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                                asio::redirect_error(asio::use_awaitable, problem));
    co_await unwind_if_cancelled();
  }
  co_return gone();
}

Async<FdChannel::Message> FdChannel::Core::receive() {
  while (socket_.is_open()) {
    auto received = try_receive(socket_.native_handle(), buffer_);
    if (received.has_value()) co_return std::move(*received);
    boost::system::error_code problem;
    co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, problem));
    co_await unwind_if_cancelled();
  }
  co_return gone();
}

FdChannel::FdChannel(asio::any_io_executor executor, UniqueFd socket)
    : core_(std::make_unique<Core>(std::move(executor), std::move(socket))) {}
FdChannel::~FdChannel() = default;
Async<Result<void>> FdChannel::send(std::string text, UniqueFd fd) {
  return core_->send(std::move(text), std::move(fd));
}
Async<FdChannel::Message> FdChannel::receive() { return core_->receive(); }
void FdChannel::end() { core_->end(); }

}  // namespace weir::rpc

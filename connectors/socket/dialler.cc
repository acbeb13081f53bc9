#include "connectors/socket/dialler.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/try.h"

namespace weir::connectors {
namespace {

/// The slot's loop wakes for what can be read; that a connection stands shows in what can be written.
constexpr std::int64_t kAskAgainMs = 5;

/// A server whose machine has gone says nothing: the kernel asks after a minute of silence and gives up after another.
void keep_alive(int fd) {
  const int on = 1, idle_s = 60, interval_s = 10, count = 6;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace

HostLookup::HostLookup(const std::string& host, int port) : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this, host, service = std::to_string(port)] {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    answer_ = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found_);
    done_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(wake_.get(), &one, sizeof one);
  });
}

HostLookup::~HostLookup() {
  thread_.join();
  if (found_ != nullptr) ::freeaddrinfo(found_);
}

Result<const addrinfo*> HostLookup::addresses() const {
  if (answer_ == 0) return const_cast<const addrinfo*>(found_);
  return Error::external(ErrorCode::not_found, ::gai_strerror(answer_));
}

Dialler::Dialler(std::string host, int port, std::int64_t deadline_ms)
    : host_(std::move(host)), port_(port), deadline_ms_(deadline_ms), lookup_(host_, port) {}

Error Dialler::no_answer(const std::string& reason) const {
  return Error::external(ErrorCode::unavailable, fmt::format("no server answers at {}:{}: {}", host_, port_, reason));
}

Result<std::optional<UniqueFd>> Dialler::dial(std::int64_t now_ms) {
  if (!std::exchange(looked_up_, lookup_.done())) {
    if (!looked_up_) {
      if (now_ms >= deadline_ms_) return no_answer("its name was not found in time");
      return std::optional<UniqueFd>();
    }
    Result<const addrinfo*> addresses = lookup_.addresses();
    if (!addresses.ok())
      return Error::external(ErrorCode::not_found, fmt::format("the host of {}:{} is not known: {}", host_, port_,
                                                               addresses.error().message));
    next_ = *addresses;
  }
  while (socket_ || begin_next()) {
    pollfd out{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&out, 1, 0) == 0) {
      if (now_ms >= deadline_ms_) return no_answer("the connection was not made in time");
      return std::optional<UniqueFd>();
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) {
      keep_alive(socket_.get());
      return std::optional<UniqueFd>(std::move(socket_));
    }
    reason_ = std::strerror(error);
    socket_.reset(-1);
  }
  return no_answer(reason_);
}

bool Dialler::begin_next() {
  for (; next_ != nullptr; next_ = next_->ai_next) {
    UniqueFd fd(::socket(next_->ai_family, next_->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, next_->ai_protocol));
    if (fd && (::connect(fd.get(), next_->ai_addr, next_->ai_addrlen) == 0 || errno == EINPROGRESS)) {
      socket_ = std::move(fd);
      next_ = next_->ai_next;
      return true;
    }
    reason_ = std::strerror(errno);
  }
  return false;
}

Progress Dialler::wait(std::int64_t now_ms) const {
  if (!looked_up_) return Progress::blocked_on(lookup_.wake_fd(), deadline_ms_);
  return Progress::blocked_until(std::min(now_ms + kAskAgainMs, std::max(deadline_ms_, now_ms + 1)));
}

}  // namespace weir::connectors

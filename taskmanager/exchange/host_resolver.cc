#include "taskmanager/exchange/host_resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>
#include <utility>

namespace weir::taskmanager {

namespace {

/// @return  false when the host is a name and `only_numeric` is set
bool resolve(HostLookup& lookup, bool only_numeric) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (only_numeric ? AI_NUMERICHOST : 0);
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(lookup.host.c_str(), std::to_string(lookup.port).c_str(), &hints, &found);
  if (problem != 0 && only_numeric) return false;
  if (problem != 0) {
    lookup.outcome = Error::external(ErrorCode::unavailable, fmt::format("the name {} cannot be resolved: {}",
                                                                         lookup.host, ::gai_strerror(problem)));
  } else {
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      HostLookup::Address& address = lookup.addresses.emplace_back();
      address.bytes = one->ai_addrlen;
      std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    }
    ::freeaddrinfo(found);
  }
  lookup.done.store(true, std::memory_order_release);
  return true;
}

}  // namespace

HostResolver::~HostResolver() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  asked_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<HostLookup> HostResolver::look_up(const std::string& host, std::uint16_t port, Waker& waker) {
  auto lookup = std::make_shared<HostLookup>();
  lookup->host = host;
  lookup->port = port;
  if (resolve(*lookup, true)) return lookup;
  const std::lock_guard lock(mutex_);
  questions_.push({lookup, &waker});
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  asked_.notify_one();
  return lookup;
}

void HostResolver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return is_stopping_ || !questions_.empty(); });
    if (is_stopping_) return;
    const Question question = std::move(questions_.front());
    questions_.pop();
    lock.unlock();
    resolve(*question.lookup, false);
    question.waker->wake_if_parked();
    lock.lock();
  }
}

}  // namespace weir::taskmanager

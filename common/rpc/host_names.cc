#include "common/rpc/host_names.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

namespace weir::rpc {
namespace {

using asio::ip::tcp;

/// Names of this machine and cached ones are known within the first looks.
constexpr std::chrono::milliseconds kFirstLook{1};
constexpr std::chrono::milliseconds kLastLook{50};

tcp::endpoint endpoint_of(const addrinfo& found) {
  tcp::endpoint endpoint;
  const std::size_t bytes = std::min<std::size_t>(found.ai_addrlen, endpoint.capacity());
  std::memcpy(endpoint.data(), found.ai_addr, bytes);
  endpoint.resize(bytes);
  return endpoint;
}

}  // namespace

/// One request to the C library, at a fixed address until it is done.
struct HostNames::Lookup {
  std::string host;
  std::string service;
  addrinfo hints{};
  gaicb request{};

  Lookup(std::string name, std::uint16_t port) : host(std::move(name)), service(std::to_string(port)) {
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    request.ar_name = host.c_str();
    request.ar_service = service.c_str();
    request.ar_request = &hints;
  }
  ~Lookup() {
    if (request.ar_result != nullptr) ::freeaddrinfo(request.ar_result);
  }
  Lookup(const Lookup&) = delete;

  int start() {
    std::array<gaicb*, 1> list{&request};
    return ::getaddrinfo_a(GAI_NOWAIT, list.data(), static_cast<int>(list.size()), nullptr);
  }
  bool is_under_way() { return ::gai_error(&request) == EAI_INPROGRESS; }
};

/// A lookup that its coroutine waits for; given up with it.
class HostNames::Asked {
 public:
  Asked(HostNames& names, std::unique_ptr<Lookup> lookup) : names_(names), lookup_(std::move(lookup)) {}
  ~Asked() { names_.abandon(std::move(lookup_)); }
  Asked(const Asked&) = delete;
  Lookup& lookup() { return *lookup_; }

 private:
  HostNames& names_;
  std::unique_ptr<Lookup> lookup_;
};

HostNames::HostNames(Clock& clock) : clock_(clock) {}

HostNames::~HostNames() {
  for (auto& lookup : abandoned_) {
    // The C library writes into it some time, perhaps only when a name server has not replied for half a minute. The
    // end of a daemon does not wait for that: the memory is given up instead.
    if (lookup->is_under_way()) (void)lookup.release();
  }
}

void HostNames::abandon(std::unique_ptr<Lookup> lookup) {
  std::erase_if(abandoned_, [](const auto& one) { return !one->is_under_way(); });
  if (!lookup->is_under_way()) return;
  // A request that could be cancelled keeps the state of one under way; nobody touches it any more.
  if (::gai_cancel(&lookup->request) == EAI_NOTCANCELED) abandoned_.push_back(std::move(lookup));
}

Async<std::vector<tcp::endpoint>> HostNames::resolve(std::string host, std::uint16_t port) {
  std::vector<tcp::endpoint> endpoints;
  boost::system::error_code problem;
  const auto numeric = asio::ip::make_address(host, problem);
  if (!problem) {
    endpoints.emplace_back(numeric, port);
    co_return endpoints;
  }
  Asked asked(*this, std::make_unique<Lookup>(host, port));
  int outcome = asked.lookup().start();
  auto pause = kFirstLook;
  while (outcome == 0 && asked.lookup().is_under_way()) {
    co_await clock_.sleep_for(pause);
    pause = std::min(pause * 2, kLastLook);
  }
  if (outcome == 0) outcome = ::gai_error(&asked.lookup().request);
  if (outcome == 0) {
    for (const addrinfo* one = asked.lookup().request.ar_result; one != nullptr; one = one->ai_next)
      endpoints.push_back(endpoint_of(*one));
  }
  if (!endpoints.empty()) co_return endpoints;
  co_return Error::external(ErrorCode::not_found, fmt::format("cannot resolve the host name \"{}\": {}", host,
                                                              outcome != 0 ? ::gai_strerror(outcome) : "no address"));
}

}  // namespace weir::rpc

#include "common/base/sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "common/base/text.h"
#include "common/base/try.h"

namespace weir {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

constexpr int kAcceptBacklog = 512;

Error bad_ports(std::string_view text, std::string_view reason) {
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("not a port, a range of ports (50100-50200) or a list of these: \"{}\": {}",
                                 printable(text, 100), reason));
}

Result<std::uint16_t> parse_port(std::string_view whole, std::string_view text) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem == std::errc::invalid_argument || end != text.data() + text.size())
    return bad_ports(whole, fmt::format("\"{}\" is no number", printable(text, 20)));
  if (problem != std::errc() || value > 65535) return bad_ports(whole, "a port is at most 65535");
  return static_cast<std::uint16_t>(value);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Result<Addresses> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (problem != 0) {
    return Error::user(ErrorCode::invalid_argument, fmt::format("cannot resolve the bind host \"{}\": {}",
                                                                printable(host, 255), ::gai_strerror(problem)));
  }
  return Addresses(found, &::freeaddrinfo);
}

void set_port(sockaddr* address, std::uint16_t port) {
  if (address->sa_family == AF_INET6)
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  else
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
}

/// Binds one port; the errno, or 0.
int try_bind(const addrinfo& candidate, std::uint16_t port, UniqueFd& socket) {
  sockaddr_storage address{};
  std::memcpy(&address, candidate.ai_addr, candidate.ai_addrlen);
  set_port(reinterpret_cast<sockaddr*>(&address), port);
  socket.reset(::socket(candidate.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  const int on = 1;
  // A restarted daemon takes its port back although connections of the old one still wait for their end.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), candidate.ai_addrlen) != 0) return errno;
  if (::listen(socket.get(), kAcceptBacklog) != 0) return errno;
  return 0;
}

ListenSocket describe(UniqueFd socket) {
  ListenSocket result;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
    result.port = ntohs(six.sin6_port);
  } else {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
    result.port = ntohs(four.sin_port);
  }
  result.address = text;
  result.fd = std::move(socket);
  return result;
}

std::string describe(std::span<const PortRange> ports) {
  std::string text;
  for (const auto& range : ports) {
    if (!text.empty()) text += ',';
    text += range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
  }
  return text;
}

Error cannot_listen(const std::string& host, std::span<const PortRange> ports, std::string_view option, int problem) {
  const auto where = fmt::format("cannot listen on {} port {}", host, describe(ports));
  if (problem == EADDRINUSE)
    return Error::external(
        ErrorCode::unavailable,
        fmt::format("{}: in use by another process; stop it or choose another port with {}", where, option));
  if (problem == EACCES)
    return Error::user(ErrorCode::permission_denied,
                       fmt::format("{}: not permitted; choose a port above 1023 with {}", where, option));
  if (problem == EADDRNOTAVAIL)
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("{}: no address of this machine; set the bind host to 0.0.0.0 or to one of its "
                                   "addresses",
                                   where));
  return Error::external(ErrorCode::io, fmt::format("{}: {} ({})", where, std::strerror(problem), option));
}

Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type) {
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0)
    return Error::external(ErrorCode::io, fmt::format("cannot make a socket pair: {}", std::strerror(errno)));
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

}  // namespace

Result<std::vector<PortRange>> parse_port_ranges(std::string_view text) {
  std::vector<PortRange> ranges;
  std::string_view rest = text;
  while (true) {
    const auto comma = rest.find(',');
    const auto part = trimmed(rest.substr(0, comma));
    const auto dash = part.find('-');
    PortRange range;
    TRY(range.first, parse_port(text, trimmed(part.substr(0, dash))));
    range.last = range.first;
    if (dash != std::string_view::npos) {
      TRY(range.last, parse_port(text, trimmed(part.substr(dash + 1))));
    }
    if (range.last < range.first) return bad_ports(text, "a range begins with its smaller number");
    if (range.first == 0 && range.last != 0) return bad_ports(text, "a range begins at 1 or above");
    ranges.push_back(range);
    if (comma == std::string_view::npos) return ranges;
    rest.remove_prefix(comma + 1);
  }
}

Result<ListenSocket> listen_on(const std::string& host, std::span<const PortRange> ports, std::string_view option) {
  TRY(const auto addresses, resolve(host));
  int problem = EADDRNOTAVAIL;
  for (const auto& range : ports) {
    for (unsigned port = range.first; port <= range.last; ++port) {
      for (const addrinfo* candidate = addresses.get(); candidate != nullptr; candidate = candidate->ai_next) {
        UniqueFd socket;
        problem = try_bind(*candidate, static_cast<std::uint16_t>(port), socket);
        if (problem == 0) return describe(std::move(socket));
      }
      if (problem != EADDRINUSE && problem != EACCES) return cannot_listen(host, ports, option, problem);
    }
  }
  return cannot_listen(host, ports, option, problem);
}

Result<std::pair<UniqueFd, UniqueFd>> stream_socket_pair() { return socket_pair(SOCK_STREAM); }
Result<std::pair<UniqueFd, UniqueFd>> packet_socket_pair() { return socket_pair(SOCK_SEQPACKET); }

}  // namespace weir

#include "common/rpc/dial.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "common/async/deadline.h"
#include "common/rpc/handshake.h"

namespace weir::rpc {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

Async<std::vector<tcp::endpoint>> resolve(const Address& address) {
  std::vector<tcp::endpoint> endpoints;
  error_code problem;
  const auto numeric = asio::ip::make_address(address.host, problem);
  if (!problem) {
    endpoints.emplace_back(numeric, address.port);
    co_return endpoints;
  }
  problem.clear();
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const std::string service = std::to_string(address.port);
  const auto found = co_await resolver.async_resolve(address.host, service, tcp::resolver::numeric_service,
                                                     asio::redirect_error(asio::use_awaitable, problem));
  co_await unwind_if_cancelled();
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  if (problem || endpoints.empty()) {
    co_return Error::external(ErrorCode::not_found, fmt::format("cannot resolve the host name \"{}\": {}", address.host,
                                                                problem ? problem.message() : "no address"));
  }
  co_return endpoints;
}

Error cannot_connect(const error_code& problem) {
  const bool is_silence = problem == asio::error::host_unreachable || problem == asio::error::network_unreachable ||
                          problem == asio::error::timed_out;
  return Error::external(is_silence ? ErrorCode::deadline_exceeded : ErrorCode::unavailable, problem.message());
}

Async<UniqueFd> connect(const tcp::endpoint& endpoint) {
  tcp::socket socket(co_await asio::this_coro::executor);
  error_code problem;
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, problem));
  co_await unwind_if_cancelled();
  if (problem) co_return cannot_connect(problem);
  co_return UniqueFd(socket.release());
}

Async<UniqueFd> connect_any(const Address& address) {
  const auto endpoints = co_await resolve(address);
  if (!endpoints.ok()) co_return endpoints.error();
  Error last;
  for (const auto& endpoint : endpoints.value()) {
    auto fd = co_await connect(endpoint);
    if (fd.ok()) co_return std::move(fd).value();
    last = fd.error();
  }
  co_return last;
}

}  // namespace

std::string Address::to_string() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Async<Dialled> dial(const Address& address, const Node& node, SteadyTime deadline) {
  Clock& clock = node.clock;
  const SteadyTime connect_by = std::min(deadline, clock.now() + node.limits.connect_timeout);
  std::string what = "connect";
  auto connecting = with_deadline(clock, connect_by, std::move(what), connect_any(address));
  auto fd = co_await std::move(connecting);
  if (!fd.ok()) co_return fd.error().within(address.to_string());

  Dialled dialled;
  dialled.stream = std::make_unique<FrameStream>(co_await asio::this_coro::executor, std::move(fd).value(),
                                                 kHandshakeBytesMax, node.limits.silence_max);
  const SteadyTime greet_by = std::min(deadline, clock.now() + node.limits.handshake_timeout);
  auto peer = co_await greet(*dialled.stream, node, greet_by);
  if (!peer.ok()) co_return peer.error().within(address.to_string());
  dialled.peer = std::move(peer).value();
  co_return dialled;
}

}  // namespace weir::rpc

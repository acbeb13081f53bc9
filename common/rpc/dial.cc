#include "common/rpc/dial.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/async/deadline.h"
#include "common/rpc/handshake.h"

namespace weir::rpc {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

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

Async<UniqueFd> connect_any(const Address& address, HostNames& names) {
  const auto endpoints = co_await names.resolve(address.host, address.port);
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

Async<Dialled> dial(const Address& address, const Node& node, HostNames& names, SteadyTime deadline) {
  Clock& clock = node.clock;
  const SteadyTime connect_by = std::min(deadline, clock.now() + node.limits.connect_timeout);
  std::string what = "connect";
  auto connecting = with_deadline(clock, connect_by, std::move(what), connect_any(address, names));
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

// RPC over loopback between two threads, against a bare blocking ping-pong over the same kind of socket in the same
// run.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "common/async/executor.h"
#include "common/async/task_scope.h"
#include "common/base/sockets.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "tests/bench/measure.h"

namespace weir::bench {
namespace {

constexpr std::uint16_t kEcho = 1;
constexpr int kWarmUp = 2'000;
constexpr int kRounds = 20'000;
constexpr int kCallsInFlight = 256;
constexpr int kPipelinedCalls = 200'000;
constexpr int kLargeRounds = 200;
constexpr std::size_t kSmallBytes = 64;
constexpr std::size_t kLargeBytes = 1024 * 1024;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "rpc_round_trip: %s\n", what);
  std::exit(1);
}

double median_us(std::vector<double>& seconds) {
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  return seconds[seconds.size() / 2] * 1e6;
}

double percentile_99_us(std::vector<double>& seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() * 99 / 100] * 1e6;
}

void send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const auto count = ::send(fd, data, size, MSG_NOSIGNAL);
    must(count > 0, "a bare socket could not be written");
    data += count;
    size -= static_cast<std::size_t>(count);
  }
}

bool receive_all(int fd, char* data, std::size_t size) {
  while (size > 0) {
    const auto count = ::recv(fd, data, size, 0);
    if (count <= 0) return false;
    data += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

/// Round trips of `size` bytes over blocking loopback sockets: the limit.
std::vector<double> bare_ping_pong(std::size_t size, int rounds) {
  const std::array any{PortRange{0, 0}};
  const auto listener = listen_on("127.0.0.1", any, "port").value();
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "cannot connect");
  UniqueFd server(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  for (const int fd : {client.get(), server.get()}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

  std::thread echo([&] {
    std::vector<char> buffer(size);
    while (receive_all(server.get(), buffer.data(), size)) send_all(server.get(), buffer.data(), size);
  });
  std::vector<char> buffer(size, 'x');
  std::vector<double> seconds;
  for (int round = -rounds / 10; round < rounds; ++round) {
    const double begin = steady_seconds();
    send_all(client.get(), buffer.data(), size);
    must(receive_all(client.get(), buffer.data(), size), "a bare socket ended");
    if (round >= 0) seconds.push_back(steady_seconds() - begin);
  }
  ::shutdown(client.get(), SHUT_RDWR);
  echo.join();
  return seconds;
}

SteadyTime in_time() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

Async<void> call_in_turn(rpc::Client& client, std::size_t size, int rounds, std::vector<double>& seconds) {
  const std::string payload(size, 'x');
  for (int round = -rounds / 10; round < rounds; ++round) {
    const double begin = steady_seconds();
    const auto answer = co_await client.call(kEcho, payload, in_time(), 1);
    must(answer.ok(), "a call failed");
    if (round >= 0) seconds.push_back(steady_seconds() - begin);
  }
}

Async<void> call_many(rpc::Client& client, int& left) {
  const std::string payload(kSmallBytes, 'x');
  while (left > 0) {
    --left;
    const auto answer = co_await client.call(kEcho, payload, in_time(), 1);
    must(answer.ok(), "a call failed");
  }
}

Async<std::string> echo(std::string payload) { co_return payload; }

rpc::ClusterSecret secret() { return rpc::ClusterSecret::from_text(std::string(64, '0')).value(); }

rpc::Identity identity(const char* name) {
  rpc::Identity self;
  self.incarnation = Incarnation::random();
  self.name = name;
  return self;
}

Async<void> measure_calls(ControlThread& control, std::uint16_t port, const Printer& printer) {
  const rpc::MethodTable nothing;
  SystemClock clock;
  const rpc::Node node{control.executor(), clock, identity("client"), rpc::Limits(), secret()};
  rpc::Client client(node, rpc::Address{"127.0.0.1", port}, nothing, rpc::ClientEvents());
  client.start();
  const auto connected = co_await client.wait_connected(in_time());
  must(connected.ok(), "no connection");
  std::vector<double> warm_up;
  co_await call_in_turn(client, kSmallBytes, kWarmUp, warm_up);

  std::vector<double> small;
  co_await call_in_turn(client, kSmallBytes, kRounds, small);
  auto bare_small = bare_ping_pong(kSmallBytes, kRounds);
  Measure median;
  median.name = "rpc round trip over loopback, 64 bytes, median";
  median.value = median_us(small);
  median.unit = "us";
  median.limit = median_us(bare_small);
  median.higher_is_better = false;
  printer.print(median);
  Measure tail = median;
  tail.name = "rpc round trip over loopback, 64 bytes, 99th percentile";
  tail.value = percentile_99_us(small);
  tail.limit = percentile_99_us(bare_small);
  printer.print(tail);

  const double begin = steady_seconds();
  const double cpu_begin = cpu_seconds();
  int left = kPipelinedCalls;
  TaskScope scope(control.executor(), "callers");
  for (int count = 0; count < kCallsInFlight; ++count) scope.start("caller", call_many(client, left));
  co_await scope.wait_until_empty();
  co_await scope.close();
  Measure many;
  many.name = "rpc calls over loopback, 64 bytes, 256 in flight";
  many.value = kPipelinedCalls / (steady_seconds() - begin);
  many.unit = "calls/s";
  many.per_core = kPipelinedCalls / (cpu_seconds() - cpu_begin);
  printer.print(many);

  std::vector<double> large;
  co_await call_in_turn(client, kLargeBytes, kLargeRounds, large);
  auto bare_large = bare_ping_pong(kLargeBytes, kLargeRounds);
  Measure bulk;
  bulk.name = "rpc round trip over loopback, 1 MiB, median";
  bulk.value = median_us(large);
  bulk.unit = "us";
  bulk.limit = median_us(bare_large);
  bulk.higher_is_better = false;
  printer.print(bulk);
  co_await client.close();
}

void run(const Printer& printer) {
  ControlThread server_thread("rpc server");
  rpc::MethodTable table;
  table.add(kEcho, "echo", rpc::kChanges,
            [](rpc::CallContext, std::string payload) { return echo(std::move(payload)); });
  SystemClock clock;
  const rpc::Node node{server_thread.executor(), clock, identity("server"), rpc::Limits(), secret()};
  rpc::Server server(node, table, rpc::ServerEvents());
  const std::array any{PortRange{0, 0}};
  auto listener = listen_on("127.0.0.1", any, "port").value();
  const auto port = listener.port;
  server.start(std::move(listener));
  server_thread.start();

  ControlThread client_thread("rpc client");
  client_thread.run_to_end(measure_calls(client_thread, port, printer));
  asio::co_spawn(server_thread.executor(), server.close(), asio::use_future).get();
  server_thread.stop();
}

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  const weir::bench::Printer printer(argument_count, arguments);
  weir::bench::run(printer);
  return 0;
}

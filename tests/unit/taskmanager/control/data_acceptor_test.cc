#include "taskmanager/control/data_acceptor.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "tests/support/sanitizer.h"
#include "tests/unit/taskmanager/control/fixtures.h"

using namespace weir;
using namespace weir::taskmanager;
using weir::testing::run_coroutine;

namespace {

/// @param from  the last number of 127.0.0.x that dials
UniqueFd dial(std::uint16_t port, std::uint32_t from = 1) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffu) | from);
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

/// Takes all descriptors of this process but `spare`, until it goes.
class NoDescriptors {
 public:
  explicit NoDescriptors(std::size_t spare) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = std::min<rlim_t>(before_.rlim_cur, 512);
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (;;) {
      UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!fd.valid()) break;
      taken_.push_back(std::move(fd));
    }
    REQUIRE(taken_.size() > spare);
    taken_.resize(taken_.size() - spare);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<UniqueFd> taken_;
};

}  // namespace

TEST_CASE(
    "data_acceptor: an address that floods the port leaves room for others, and is served again when its connections "
    "have gone") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    SlotTable slots(4);
    const DataAcceptorLimits limits{.waiting_max = 5, .waiting_per_address_max = 3};
    DataAcceptor acceptor(control.executor(), machine.clock, machine.workers, slots, limits);
    std::vector<PortRange> ports(1);
    auto listener = listen_on("127.0.0.1", ports, "taskmanager.data.port");
    REQUIRE(listener.ok());
    acceptor.start(std::move(listener).value());
    const SteadyTime deadline = in_time();
    const auto settled = [&](std::size_t waiting, std::size_t refused) {
      return acceptor.waiting() == waiting && acceptor.refused() == refused;
    };
    std::vector<UniqueFd> flood;
    for (int i = 0; i < 10; ++i) flood.push_back(dial(acceptor.port(), 1));
    while (!settled(3, 7) && machine.clock.now() < deadline)
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    CHECK(acceptor.waiting() == 3);
    CHECK(acceptor.refused() == 7);
    // Others: two more places in all, whoever takes them.
    std::vector<UniqueFd> others;
    for (std::uint32_t from = 2; from <= 4; ++from) others.push_back(dial(acceptor.port(), from));
    while (!settled(5, 8) && machine.clock.now() < deadline)
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    CHECK(acceptor.waiting() == 5);
    CHECK(acceptor.refused() == 8);
    // Closed by the peer before its hello: refused, and its place is free.
    flood.clear();
    while (!settled(2, 11) && machine.clock.now() < deadline)
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    CHECK(acceptor.refused() == 11);
    const UniqueFd again = dial(acceptor.port(), 1);
    while (!settled(3, 11) && machine.clock.now() < deadline)
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    CHECK(acceptor.waiting() == 3);
    co_await acceptor.close();
    co_await machine.close();
  });
}

TEST_CASE("data_acceptor: a connection that takes the last descriptor is closed, and the daemon goes on" *
          test::not_under(Sanitizer::address, "the check of virtual calls needs descriptors of its own")) {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    SlotTable slots(4);
    const DataAcceptorLimits limits;
    DataAcceptor acceptor(control.executor(), machine.clock, machine.workers, slots, limits);
    std::vector<PortRange> ports(1);
    auto listener = listen_on("127.0.0.1", ports, "taskmanager.data.port");
    REQUIRE(listener.ok());
    acceptor.start(std::move(listener).value());
    const UniqueFd client = dial(acceptor.port());
    const SteadyTime deadline = in_time();
    {
      const NoDescriptors none(1);
      while (acceptor.refused() == 0 && machine.clock.now() < deadline)
        co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(acceptor.refused() == 1);
    char byte = 0;
    pollfd ready{client.get(), POLLIN, 0};
    CHECK(::poll(&ready, 1, 20'000) == 1);
    CHECK(::recv(client.get(), &byte, 1, MSG_DONTWAIT) <= 0);
    // The next one is served as ever.
    const UniqueFd other = dial(acceptor.port());
    while (acceptor.waiting() == 0 && machine.clock.now() < deadline)
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    CHECK(acceptor.waiting() == 1);
    co_await acceptor.close();
    co_await machine.close();
  });
}

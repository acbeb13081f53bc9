#include "common/base/sockets.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>

namespace weir {
namespace {

TEST_CASE("parse_port_ranges: single ports, ranges and lists") {
  CHECK(parse_port_ranges("0").value() == std::vector<PortRange>{{0, 0}});
  CHECK(parse_port_ranges("6123").value() == std::vector<PortRange>{{6123, 6123}});
  CHECK(parse_port_ranges("50100-50200, 50300 ,1-65535").value() ==
        std::vector<PortRange>{{50100, 50200}, {50300, 50300}, {1, 65535}});
}

TEST_CASE("parse_port_ranges: everything else is refused") {
  for (const char* text : {"", ",", "1,", "a", "-", "1-", "-1", "65536", "99999999999", "2-1", "0-10", "1-2-3", "1 2",
                           "0x10", "+1", "1.5", "\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_port_ranges(text).ok());
  }
}

TEST_CASE("listen_on: port 0 gives a port, which is taken for the next one") {
  const std::array any{PortRange{0, 0}};
  const auto first = listen_on("127.0.0.1", any, "rest.port");
  REQUIRE(first.ok());
  CHECK(first.value().port != 0);
  CHECK(first.value().address == "127.0.0.1");
  CHECK((::fcntl(first.value().fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(first.value().fd.get(), F_GETFL) & O_NONBLOCK) != 0);

  const std::array same{PortRange{first.value().port, first.value().port}};
  const auto second = listen_on("127.0.0.1", same, "rest.port");
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::unavailable);
  CHECK(second.error().message.find("choose another port with rest.port") != std::string::npos);

  const std::array with_way_out{same[0], PortRange{0, 0}};
  CHECK(listen_on("127.0.0.1", with_way_out, "rest.port").ok());
}

TEST_CASE("listen_on: a host that is none of this machine's is refused with a sentence") {
  const std::array any{PortRange{0, 0}};
  const auto strange = listen_on("192.0.2.1", any, "rest.port");
  REQUIRE_FALSE(strange.ok());
  CHECK(strange.error().message.find("no address of this machine") != std::string::npos);
  CHECK_FALSE(listen_on("no.such.host.invalid", any, "rest.port").ok());
}

TEST_CASE("unique_fd: the descriptor is closed once, by its last owner") {
  auto pair = stream_socket_pair();
  REQUIRE(pair.ok());
  const int number = pair.value().first.get();
  {
    UniqueFd moved = std::move(pair.value().first);
    CHECK_FALSE(pair.value().first.valid());
    CHECK(::fcntl(number, F_GETFD) == FD_CLOEXEC);
  }
  CHECK(::fcntl(number, F_GETFD) == -1);
}

}  // namespace
}  // namespace weir

#include "common/http/http_client.h"

#include "tests/unit/common/http/http_fixture.h"

using namespace std::chrono_literals;
using namespace weir::http;           // NOLINT
using namespace weir::http::testing;  // NOLINT
using weir::ErrorCode;
using weir::Result;
using weir::UniqueFd;

TEST_CASE("http_client: an address is read in all its forms") {
  CHECK(Address::parse("host", 8081).value().to_string() == "host:8081");
  CHECK(Address::parse("host:80", 8081).value().to_string() == "host:80");
  CHECK(Address::parse("[::1]:80", 8081).value().to_string() == "[::1]:80");
  CHECK(Address::parse("http://host:80/prefix/", 8081).value().path_prefix == "/prefix");
  for (const char* text :
       {"", ":80", "host:", "host:0", "host:65536", "host:8a", "host:-1", "https://host", "[::1", "a b:1", "::1"}) {
    INFO(text);
    CHECK_FALSE(Address::parse(text, 8081).ok());
  }
}

TEST_CASE(
    "http_client: a refused connection, an unknown host, a silent and a strange server are told apart, each with the "
    "address") {
  Address address;
  address.host = "127.0.0.1";
  ClientOptions options;
  options.read_timeout = 100ms;
  {
    UniqueFd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(bound.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    socklen_t length = sizeof name;
    REQUIRE(::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&name), &length) == 0);
    address.port = std::to_string(ntohs(name.sin_port));
    Result<ClientResponse> refused = HttpClient(address, options).send("GET", "/", "");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::unavailable);
    CHECK(refused.error().message == "cannot connect to 127.0.0.1:" + address.port + ": Connection refused");

    REQUIRE(::listen(bound.get(), 4) == 0);
    Result<ClientResponse> silent = HttpClient(address, options).send("GET", "/", "");
    REQUIRE_FALSE(silent.ok());
    CHECK(silent.error().code == ErrorCode::deadline_exceeded);
    CHECK(silent.error().message.find("127.0.0.1:" + address.port) != std::string::npos);

    options.read_timeout = 10s;
    std::thread peer([&] {
      for (int i = 0; i < 2; ++i) {  // the silent connection waits in front
        UniqueFd accepted(::accept4(bound.get(), nullptr, nullptr, SOCK_CLOEXEC));
        (void)!::send(accepted.get(), "SSH-2.0-x\r\n\r\n", 13, MSG_NOSIGNAL);
        char rest[1000];
        (void)!::recv(accepted.get(), rest, sizeof rest, 0);
      }
    });
    Result<ClientResponse> strange = HttpClient(address, options).send("GET", "/", "");
    peer.join();
    REQUIRE_FALSE(strange.ok());
    CHECK(strange.error().code == ErrorCode::corrupt);
  }
  address.host = "no-such-host.invalid";
  Result<ClientResponse> unknown = HttpClient(address, options).send("GET", "/", "");
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().message.find("cannot resolve the host name no-such-host.invalid") != std::string::npos);
}

TEST_CASE("http_client: a missing file is named") {
  Address address;
  address.host = "127.0.0.1";
  address.port = "1";
  Result<ClientResponse> missing = HttpClient(address, ClientOptions()).upload("/", "f", "/no/such.so", "x", nullptr);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message.find("/no/such.so") != std::string::npos);
  CHECK(missing.error().code == ErrorCode::not_found);
}

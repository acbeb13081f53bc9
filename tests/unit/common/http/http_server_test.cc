#include "common/http/http_server.h"

#include "tests/unit/common/http/http_fixture.h"

using namespace std::chrono_literals;
using namespace weir::http;           // NOLINT
using namespace weir::http::testing;  // NOLINT
using weir::ErrorCode;
using weir::Result;
using weir::UniqueFd;

TEST_CASE("http_server: a request gets its answer, and the connection stays open for the next") {
  Fixture f;
  f.start();
  std::string answer = ask(*f.server,
                           "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                           "GET /c HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(count(answer, "HTTP/1.1 200 OK\r\n") == 3);
  CHECK(answer.find("GET /a ") < answer.find("POST /b abc"));
  CHECK(answer.find("POST /b abc") < answer.find("GET /c "));
  CHECK(count(answer, "Connection: close") == 1);
  CHECK(count(answer, "Access-Control-Allow-Origin: *\r\n") == 3);
}

TEST_CASE("http_server: a thousand requests sent at once are answered one after the other") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  std::thread sender([&] {
    for (int i = 0; i < 1000; ++i) client.send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    client.half_close();
  });
  std::string answer = client.read_all();
  sender.join();
  REQUIRE(count(answer, "HTTP/1.1 200 OK\r\n") == 1000);
  std::size_t at = 0;
  for (int i = 0; i < 1000; ++i) {
    at = answer.find("GET /" + std::to_string(i) + " ", at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("http_server: a chunked body arrives whole") {
  Fixture f;
  f.start();
  std::string answer = ask(
      *f.server,
      "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  CHECK(answer.ends_with("POST /x abcde"));
}

TEST_CASE("http_server: a client that has closed its sending side still gets its answer") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
  client.half_close();
  CHECK(client.read_all().ends_with("GET /half "));
}

TEST_CASE("http_server: HEAD has the headers of GET and no body") {
  Fixture f;
  f.start();
  std::string answer = ask(*f.server, "HEAD /abc HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("Content-Length: 10\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("http_server: OPTIONS is answered for browsers") {
  Fixture f;
  f.start();
  std::string answer = ask(*f.server, "OPTIONS /x HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(answer.find("Access-Control-Allow-Methods: ") != std::string::npos);
  CHECK(f.echo.requests == 0);
}

TEST_CASE("http_server: a page keeps foreign scripts and frames out") {
  Fixture f;
  f.start();
  std::string answer = ask(*f.server, "GET /page HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("Content-Security-Policy: default-src 'self'") != std::string::npos);
  CHECK(answer.find("X-Frame-Options: DENY") != std::string::npos);
  CHECK(answer.find("X-Content-Type-Options: nosniff") != std::string::npos);
}

TEST_CASE("http_server: HTTP/1.0 closes unless asked to stay") {
  Fixture f;
  f.start();
  CHECK(ask(*f.server, "GET /a HTTP/1.0\r\n\r\n").find("Connection: close") != std::string::npos);
}

TEST_CASE("http_server: what a client sends after its last request does not cost it the answer") {
  Fixture f;
  f.start();
  for (int i = 0; i < 50; ++i) {
    RawClient client(*f.server);
    client.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client.send(std::string(200'000, 'x'));
    CHECK(client.read_all().starts_with("HTTP/1.1 200 OK"));
  }
}

TEST_CASE("http_server: a body that ends too early is said to be so") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nabc");
  client.half_close();
  CHECK(client.read_all().ends_with("{\"errors\":[\"The request ended before its body did, after 3 bytes of it.\"]}"));
}

TEST_CASE("http_server: malformed requests are refused with 400 and closed") {
  Fixture f;
  f.start();
  for (std::string_view request :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "G@T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "\x16\x03\x01\x02garbage of TLS\r\n\r\n"}) {
    std::string answer = ask(*f.server, request);
    INFO(std::string(request), " -> ", answer);
    CHECK(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(answer.find("{\"errors\":[\"Malformed HTTP request: ") != std::string::npos);
  }
  CHECK(f.echo.requests == 0);
}

TEST_CASE("http_server: a head that ends too early is refused") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("GET / HTTP/1.1\r\nHo");
  client.half_close();
  CHECK(client.read_all().starts_with("HTTP/1.1 400 "));
}

TEST_CASE("http_server: a head above the limit is refused with 431") {
  Fixture f;
  f.start();
  std::string answer = ask(*f.server, "GET / HTTP/1.1\r\nX: " + std::string(17 * 1024, 'x') + "\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 431 "));
  CHECK(answer.find("longer than 16384 bytes") != std::string::npos);
  CHECK(ask(*f.server, "GET /" + std::string(100 * 1024, 'x')).starts_with("HTTP/1.1 431 "));
}

TEST_CASE("http_server: a body that is announced too long is refused before it is sent") {
  Fixture f;
  f.start();
  std::string answer = ask(*f.server, "POST / HTTP/1.1\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 413 "));
  CHECK(answer.find("at most 1048576 are taken here") != std::string::npos);
}

TEST_CASE("http_server: a chunked body that grows too long is refused, and the client reads the answer") {
  Fixture f;
  f.start();
  std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  std::string request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) request += chunk;
  CHECK(ask(*f.server, request).starts_with("HTTP/1.1 413 "));
}

TEST_CASE("http_server: Expect: 100-continue is answered before the body is sent") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("POST /x HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  std::string first = client.read_until([](const std::string& text) { return text.ends_with("\r\n\r\n"); });
  CHECK(first == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  CHECK(client.read_all().ends_with("POST /x abc"));
}

TEST_CASE("http_server: a client that is slow with its head gets 408") {
  Fixture f;
  f.options.head_timeout = 100ms;
  f.start();
  CHECK(ask(*f.server, "GET / HTTP/1.1\r\nX: ").starts_with("HTTP/1.1 408 "));
}

TEST_CASE("http_server: a client that is slow with its body gets 408") {
  Fixture f;
  f.options.body_timeout = 100ms;
  f.start();
  CHECK(ask(*f.server, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc").starts_with("HTTP/1.1 408 "));
}

TEST_CASE("http_server: an idle connection is closed without a word") {
  Fixture f;
  f.options.head_timeout = 100ms;
  f.options.idle_timeout = 100ms;
  f.start();
  CHECK(ask(*f.server, "") == "");
  std::string answer = ask(*f.server, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(count(answer, "HTTP/1.1") == 1);
}

TEST_CASE("http_server: connections above the limit are told so") {
  Fixture f;
  f.options.connections_max = 1;
  f.start();
  RawClient first(*f.server);
  first.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  first.read_until([](const std::string& text) { return text.ends_with("GET /a "); });
  std::string answer = ask(*f.server, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(f.echo.requests == 1);
}

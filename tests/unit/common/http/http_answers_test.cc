#include "tests/unit/common/http/http_fixture.h"

using namespace std::chrono_literals;
using namespace weir::http;           // NOLINT
using namespace weir::http::testing;  // NOLINT
using weir::ErrorCode;
using weir::Result;
using weir::UniqueFd;

TEST_CASE("http_server: a reply that throws while it is made is 500 for its request only") {
  Fixture f;
  f.start();
  const std::string replies = ask(*f.server,
                                  "GET /render-throws HTTP/1.1\r\nHost: x\r\n\r\n"
                                  "GET /work-throws HTTP/1.1\r\nHost: x\r\n\r\n"
                                  "GET /rendered HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(count(replies, "HTTP/1.1 500 ") == 2);
  CHECK(replies.find("rendering threw") < replies.find("work threw"));
  CHECK(replies.find("work threw") < replies.find("rendered"));
  CHECK(replies.ends_with("rendered"));
}

TEST_CASE("http_server: a handler that drops or throws answers with 500") {
  Fixture f;
  f.start();
  CHECK(ask(*f.server, "GET /drop HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500 "));
  std::string thrown = ask(*f.server, "GET /throw HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(thrown.starts_with("HTTP/1.1 500 "));
}

TEST_CASE("http_server: an answer may come later from another thread") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("GET /hold HTTP/1.1\r\nConnection: close\r\n\r\n");
  REQUIRE(f.echo.holding.get_future().wait_for(10s) == std::future_status::ready);
  std::thread([&] {
    std::lock_guard lock(f.echo.mutex);
    f.echo.held.front().answer(text("late"));
    f.echo.held.clear();
  }).join();
  CHECK(client.read_all().ends_with("late"));
}

TEST_CASE("http_server: a handler that never answers gives 503 in the end") {
  Fixture f;
  f.options.answer_timeout = 100ms;
  f.start();
  CHECK(ask(*f.server, "GET /hold HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 503 "));
  f.echo.held.clear();
}

TEST_CASE("http_server: stopping with a request at hand ends in time, and its late answer is harmless") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(f.echo.holding.get_future().wait_for(10s) == std::future_status::ready);
  f.server->stop(50ms);
  std::string answer = client.read_all();
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(answer.find("The server is ending") != std::string::npos);
  f.server.reset();
  f.echo.held.front().answer(text("too late"));
  f.echo.held.clear();
}

TEST_CASE("http_server: stopping lets a request at hand end within the grace") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(f.echo.holding.get_future().wait_for(10s) == std::future_status::ready);
  std::thread stopper([&] { f.server->stop(10s); });
  f.echo.held.front().answer(text("in time"));
  f.echo.held.clear();
  CHECK(client.read_all().ends_with("in time"));
  stopper.join();
}

TEST_CASE("http_server: a file is sent from its offset, up to its length") {
  Fixture f;
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += std::to_string(i) + "\n";
  f.echo.file.path = f.folder.write("log", content);
  f.start();
  HttpClient client = client_of(*f.server);
  CHECK(client.send("GET", "/file", "").value().body == content);
  f.echo.file.offset = 100;
  f.echo.file.bytes = 70'000;
  CHECK(client.send("GET", "/file", "").value().body == content.substr(100, 70'000));
  f.echo.file.offset = content.size() + 5;
  CHECK(client.send("GET", "/file", "").value().body == "");
  f.echo.file.path += ".gone";
  CHECK(client.send("GET", "/file", "").value().status == 404);
}

TEST_CASE("http_server: a body that comes in pieces is sent chunked, and the connection stays") {
  Fixture f;
  f.start();
  CHECK(client_of(*f.server).send("GET", "/stream", "").value().body ==
        std::string(100'000, '3') + std::string(100'000, '2') + std::string(100'000, '1'));
  std::string answer =
      ask(*f.server, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(answer.ends_with("GET /next "));
  std::string old = ask(*f.server, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(old.find("chunked") == std::string::npos);
  CHECK(old.size() > 300'000);
}

TEST_CASE("http_server: a body that breaks off is seen to be cut") {
  Fixture f;
  f.start();
  CHECK_FALSE(client_of(*f.server).send("GET", "/broken", "").ok());
}

TEST_CASE("http_server: two servers cannot share a port, and the error names it") {
  Fixture f;
  f.start();
  ServerOptions options = f.options;
  options.ports = {weir::PortRange{f.server->port(), f.server->port()}};
  Result<std::unique_ptr<HttpServer>> second = HttpServer::start(options, f.echo);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().message.find(std::to_string(f.server->port())) != std::string::npos);
}

TEST_CASE("http_server: an upload goes to a file that is gone after the answer") {
  Fixture f;
  f.start();
  std::string content(10 * 1024 * 1024 + 17, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 2654435761u >> 13);
  Folder source;
  std::string path = source.write("job.so", content);
  std::uint64_t last = 0;
  HttpClient client = client_of(*f.server);
  ClientResponse response = client
                                .upload(
                                    "/upload", "jarfile", path, "../my \"job\".so",
                                    [&](std::uint64_t sent, std::uint64_t total) {
    CHECK(sent > last);
    CHECK(total == content.size());
    last = sent;
                                    })
      .value();
  CHECK(response.body == "jarfile/../my %22job%22.so/10485777/10485777;");
  CHECK(last == content.size());
  REQUIRE(f.echo.spooled_paths.size() == 1);
  CHECK(f.echo.spooled_paths[0].starts_with(f.folder.path() + "/upload-"));
  f.server->stop(0ms);
  CHECK(f.folder.files() == 0);
}

TEST_CASE("http_server: an upload that breaks off leaves nothing behind") {
  Fixture f;
  f.start();
  RawClient client(*f.server);
  client.send(
      "POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 1000000\r\n\r\n"
      "--XX\r\nContent-Disposition: form-data; name=jarfile; filename=a.so\r\n\r\nhalf a library");
  client.half_close();
  client.read_all();
  f.server->stop(0ms);
  CHECK(f.folder.files() == 0);
  CHECK(f.echo.requests == 0);
}

TEST_CASE("http_server: an upload without a form, or above the limit, is refused") {
  Fixture f;
  f.start();
  CHECK(ask(*f.server, "POST /upload HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").starts_with("HTTP/1.1 400 "));
  CHECK(ask(*f.server,
            "POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 2\r\n\r\n{}")
            .starts_with("HTTP/1.1 400 "));
  Folder source;
  std::string path = source.write("big.so", std::string(21 * 1024 * 1024, 'x'));
  HttpClient client = client_of(*f.server);
  Result<ClientResponse> response = client.upload("/upload", "jarfile", path, "big.so", nullptr);
  REQUIRE(response.ok());
  CHECK(response->status == 413);
  CHECK(f.folder.files() == 0);
}

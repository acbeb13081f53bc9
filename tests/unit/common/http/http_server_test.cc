#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "common/base/unique_fd.h"
#include "common/http/http_client.h"

using namespace std::chrono_literals;
using weir::ErrorCode;
using weir::Result;
using weir::UniqueFd;
using weir::http::Address;
using weir::http::BodyRule;
using weir::http::ClientOptions;
using weir::http::ClientResponse;
using weir::http::FileBody;
using weir::http::Handler;
using weir::http::HttpClient;
using weir::http::HttpServer;
using weir::http::Request;
using weir::http::Responder;
using weir::http::Response;
using weir::http::ServerOptions;

namespace {

class Folder {
 public:
  Folder() {
    const char* base = std::getenv("TMPDIR");
    std::string path = std::string(base != nullptr ? base : "/tmp") + "/weir-http-XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

Response text(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

/// Answers "METHOD target body"; some targets have a meaning of their own.
class Echo : public Handler {
 public:
  BodyRule body_rule(const Request& request) override {
    BodyRule rule;
    if (request.target == "/upload") {
      rule.kind = BodyRule::Kind::form;
      rule.bytes_max = 20 * 1024 * 1024;
    }
    return rule;
  }
  void handle(Request request, Responder responder) override {
    ++requests;
    if (request.target == "/drop") return;
    if (request.target == "/throw") throw std::runtime_error("handler threw");
    if (request.target == "/hold") {
      std::lock_guard lock(mutex);
      held.push_back(std::move(responder));
      holding.set_value();
      return;
    }
    if (request.target == "/page") {
      Response page = text("<html>");
      page.page = true;
      return responder.answer(std::move(page));
    }
    if (request.target == "/file") {
      Response response = text("");
      response.body = file;
      return responder.answer(std::move(response));
    }
    if (request.target == "/stream" || request.target == "/broken") {
      Response response = text("");
      response.body = weir::http::StreamBody{[left = 3, broken = request.target == "/broken"](auto take) mutable {
        if (left == 1 && broken) return take(weir::Error::internal("no more"));
        std::string piece = left == 0 ? "" : std::string(100'000, static_cast<char>('0' + left));
        if (left > 0) --left;
        std::thread([take, piece] { take(piece); }).join();
      }};
      return responder.answer(std::move(response));
    }
    if (request.target == "/upload") {
      std::string answer;
      for (const auto& part : request.parts) {
        answer += part.name + "/" + part.file_name + "/" + std::to_string(part.bytes) + "/" + part.value;
        if (part.file) {
          answer += std::to_string(std::filesystem::file_size(part.file->path()));
          spooled_paths.push_back(part.file->path());
        }
        answer += ";";
      }
      return responder.answer(text(answer));
    }
    responder.answer(text(request.method + " " + request.target + " " + request.body));
  }

  std::atomic<int> requests{0};
  FileBody file;
  std::vector<std::string> spooled_paths;
  std::mutex mutex;
  std::vector<Responder> held;
  std::promise<void> holding;
};

ServerOptions quick_options(const Folder& folder) {
  ServerOptions options;
  options.spool_directory = folder.path();
  options.threads = 2;
  return options;
}

/// A client that sends what a real one would not.
class RawClient {
 public:
  explicit RawClient(const HttpServer& server) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void half_close() const { ::shutdown(fd_.get(), SHUT_WR); }
  /// Everything until the server closes, or 10 s have passed.
  std::string read_all() const {
    return read_until([](const std::string&) { return false; });
  }
  std::string read_until(const std::function<bool(const std::string&)>& enough) const {
    std::string received;
    auto end = std::chrono::steady_clock::now() + 10s;
    while (!enough(received)) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd poll{fd_.get(), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&poll, 1, static_cast<int>(left.count())) <= 0) return received + "<no end within 10 s>";
      char piece[65536];
      ssize_t count = ::recv(fd_.get(), piece, sizeof piece, 0);
      if (count <= 0) break;
      received.append(piece, static_cast<std::size_t>(count));
    }
    return received;
  }

 private:
  UniqueFd fd_;
};

std::string ask(const HttpServer& server, std::string_view bytes) {
  RawClient client(server);
  client.send(bytes);
  return client.read_all();
}

HttpClient client_of(const HttpServer& server) {
  Address address;
  address.host = "127.0.0.1";
  address.port = std::to_string(server.port());
  return HttpClient(address, ClientOptions());
}

std::size_t count(std::string_view text, std::string_view piece) {
  std::size_t found = 0;
  for (std::size_t at = text.find(piece); at != std::string_view::npos; at = text.find(piece, at + 1)) ++found;
  return found;
}

struct Fixture {
  Folder folder;
  Echo echo;
  ServerOptions options = quick_options(folder);
  std::unique_ptr<HttpServer> server;
  void start() { server = HttpServer::start(options, echo).value(); }
};

}  // namespace

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
  std::string answer = ask(*f.server,
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
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "G@T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: abc\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
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
  std::string answer = ask(*f.server, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nConnection: close\r\n\r\n");
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
  ClientResponse response = client.upload("/upload", "jarfile", path, "../my \"job\".so", [&](std::uint64_t sent, std::uint64_t total) {
                                    CHECK(sent > last);
                                    CHECK(total == content.size());
                                    last = sent;
                                  }).value();
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
  client.send("POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 1000000\r\n\r\n"
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
  CHECK(ask(*f.server, "POST /upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 2\r\n\r\n{}")
            .starts_with("HTTP/1.1 400 "));
  Folder source;
  std::string path = source.write("big.so", std::string(21 * 1024 * 1024, 'x'));
  HttpClient client = client_of(*f.server);
  Result<ClientResponse> response = client.upload("/upload", "jarfile", path, "big.so", nullptr);
  REQUIRE(response.ok());
  CHECK(response->status == 413);
  CHECK(f.folder.files() == 0);
}

TEST_CASE("http_client: an address is read in all its forms") {
  CHECK(Address::parse("host", 8081).value().to_string() == "host:8081");
  CHECK(Address::parse("host:80", 8081).value().to_string() == "host:80");
  CHECK(Address::parse("[::1]:80", 8081).value().to_string() == "[::1]:80");
  CHECK(Address::parse("http://host:80/prefix/", 8081).value().path_prefix == "/prefix");
  for (const char* text : {"", ":80", "host:", "host:0", "host:65536", "host:8a", "host:-1", "https://host", "[::1", "a b:1", "::1"}) {
    INFO(text);
    CHECK_FALSE(Address::parse(text, 8081).ok());
  }
}

TEST_CASE("http_client: a refused connection, an unknown host, a silent and a strange server are told apart, each with the address") {
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

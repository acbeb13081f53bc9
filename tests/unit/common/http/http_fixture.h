// A server that echoes, clients that send what a real one would not: for the tests of this folder.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/http/http_client.h"
#include "common/http/http_server.h"

namespace weir::http::testing {

using namespace std::chrono_literals;

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
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline Response text(std::string body) {
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
    if (request.target == "/rendered") {
      Response response;
      response.body = RenderedBody{[] { return text("rendered"); }};
      return responder.answer(std::move(response));
    }
    if (request.target == "/render-throws") {
      Response response;
      response.body = RenderedBody{[]() -> Response { throw std::runtime_error("rendering threw"); }};
      return responder.answer(std::move(response));
    }
    if (request.target == "/work-throws") {
      Response response;
      response.body = BlockingBody{[]() -> Response { throw std::runtime_error("work threw"); }};
      return responder.answer(std::move(response));
    }
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
      response.body = StreamBody{[left = 3, broken = request.target == "/broken"](auto take) mutable {
        if (left == 1 && broken) return take(Error::internal("no more"));
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

inline ServerOptions quick_options(const Folder& folder) {
  ServerOptions options;
  options.spool_directory = folder.path();
  options.threads = 2;
  options.allow_origin = "*";
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
      if (left.count() <= 0 || ::poll(&poll, 1, static_cast<int>(left.count())) <= 0)
        return received + "<no end within 10 s>";
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

inline std::string ask(const HttpServer& server, std::string_view bytes) {
  RawClient client(server);
  client.send(bytes);
  return client.read_all();
}

inline HttpClient client_of(const HttpServer& server) {
  Address address;
  address.host = "127.0.0.1";
  address.port = std::to_string(server.port());
  return HttpClient(address, ClientOptions());
}

inline std::size_t count(std::string_view text, std::string_view piece) {
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

}  // namespace weir::http::testing

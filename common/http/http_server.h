#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "common/http/message.h"
#include "common/http/server_options.h"
#include "weir/result.h"

namespace weir::http {

/// Listens for HTTP/1.1 and hands every request to a handler.
/// Lives on: started, asked and stopped on one thread; serves on threads of its own, each connection on one of them.
/// Life cycle: start(), then stop() or destruction. Owned by the daemon; the handler outlives it.
class HttpServer {
 public:
  /// Binds and begins to serve.
  /// Errors: those of listen_on(): no port free, no such address.
  static Result<std::unique_ptr<HttpServer>> start(ServerOptions options, Handler& handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;

  /// Takes no more connections, lets requests at hand end within `grace`, answers the rest with 503 and closes. Returns
  /// when all threads have ended. Responders that are answered later are harmless.
  void stop(std::chrono::milliseconds grace);

  std::uint16_t port() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::http

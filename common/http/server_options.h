#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/sockets.h"

namespace weir::http {

/// Where a server listens and what it bears. Lives on: any thread (a value).
struct ServerOptions {
  std::string bind_host = "127.0.0.1";
  std::vector<PortRange> ports = {PortRange()};  ///< tried in this order; 0 lets the kernel choose
  std::string ports_option = "rest.bind-port";   ///< what to tell people to change when no port is free
  int threads = 1;
  std::size_t connections_max = 1024;                 ///< above it a connection is answered with 503 and closed
  std::string spool_directory = "/tmp";               ///< where files of forms go
  std::string allow_origin;                           ///< Access-Control-Allow-Origin; no such header when empty
  std::size_t head_bytes_max = 16 * 1024;             ///< request line and headers together
  std::chrono::milliseconds head_timeout{10'000};     ///< for a whole head, and for the first byte of a new connection
  std::chrono::milliseconds body_timeout{10'000};     ///< in which a body must come on by at least 1 KiB, or end
  std::chrono::milliseconds idle_timeout{60'000};     ///< between two requests of one connection
  std::chrono::milliseconds write_timeout{30'000};    ///< in which the client must take some of an answer
  std::chrono::milliseconds answer_timeout{600'000};  ///< for the handler
};

}  // namespace weir::http

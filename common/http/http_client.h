#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/message.h"
#include "weir/result.h"

namespace weir::http {

/// Where a server is: what a person writes after `-m`. Lives on: any thread (a value).
struct Address {
  std::string host;
  std::string port;         ///< a number
  std::string path_prefix;  ///< put in front of every path; "" or "/cluster-1"

  /// Reads "host:port", "[::1]:8081", "host" or "http://host:port/prefix".
  /// Errors: invalid_argument for https (not spoken), a port that is no number from 1 to 65535, or an empty host.
  static Result<Address> parse(std::string_view text, std::uint16_t default_port);
  std::string to_string() const;  ///< "host:port"
};

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds read_timeout{60'000};    ///< for the whole answer, from the end of the request
  std::chrono::milliseconds write_timeout{30'000};   ///< in which the server must take some of the request
  std::uint64_t body_bytes_max = 256 * 1024 * 1024;  ///< of an answer
  std::function<bool()> interrupted;  ///< asked ten times a second: true ends the call at hand; may be empty
};

struct ClientResponse {
  unsigned status = 0;
  std::vector<Header> headers;
  std::string body;
};

/// Asks one server, a connection per request; each call blocks until the answer or an Error.
/// Lives on: one thread at a time. Owned by the caller.
/// Promises that no call outlasts its time-outs, and that every Error names the server's address. Tries nothing twice.
class HttpClient {
 public:
  HttpClient(Address address, ClientOptions options);

  /// Sends a request; any status is a success here.
  /// @param target  "/v1/jobs?x=1", already percent-encoded
  /// @param body    JSON, or empty for none
  /// Errors: unavailable (refused, cannot resolve, cut: trying again may help), deadline_exceeded, corrupt (no HTTP),
  /// cancelled (interrupted).
  Result<ClientResponse> send(std::string_view method, std::string_view target, std::string_view body);

  /// Sends a file as the only part of a form.
  /// @param field     name of the form field
  /// @param path      of the file here
  /// @param name      file name that the server is told
  /// @param progress  called with bytes sent and bytes in all; may be empty
  /// Errors: as send(); not_found or io when the file cannot be read.
  Result<ClientResponse> upload(std::string_view target, std::string_view field, const std::string& path,
                                std::string_view name, std::function<void(std::uint64_t, std::uint64_t)> progress);

  const Address& address() const { return address_; }

 private:
  Address address_;
  ClientOptions options_;
};

}  // namespace weir::http

#include "common/http/http_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <cstring>

#include "common/base/try.h"
#include "common/base/unique_fd.h"

namespace weir::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using Parser = beast::http::response_parser<beast::http::string_body>;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::chrono::milliseconds kInterruptPause{100};
constexpr std::chrono::hours kForever{24};  // every step has a deadline of its own

/// What goes out: a head and body in memory, or with a file between two pieces of text.
struct Outgoing {
  std::string front;  // head, and the body before the file
  UniqueFd file;
  std::uint64_t file_bytes = 0;
  std::string back;
  std::function<void(std::uint64_t, std::uint64_t)> progress;
};

/// One request on one connection of its own.
class Exchange {
 public:
  Exchange(const Address& address, const ClientOptions& options)
      : address_(address), options_(options), resolver_(context_), stream_(context_) {}

  Result<ClientResponse> run(const Outgoing& outgoing, bool head_only) {
    Result<ClientResponse> result;
    asio::co_spawn(context_, talk(outgoing, head_only),
                   [&result](std::exception_ptr failure, Result<ClientResponse> outcome) {
      result =
          failure ? Result<ClientResponse>(Error::internal("the request failed: out of memory")) : std::move(outcome);
    });
    while (!context_.stopped()) {
      context_.run_for(options_.interrupted ? kInterruptPause : kForever);
      if (context_.stopped() || !options_.interrupted || !options_.interrupted()) continue;
      resolver_.cancel();
      stream_.close();
      context_.run();
      return Error::user(ErrorCode::cancelled, fmt::format("the request to {} was interrupted", address_.to_string()));
    }
    return result;
  }

 private:
  asio::awaitable<Result<ClientResponse>> talk(const Outgoing& outgoing, bool head_only);
  asio::awaitable<error_code> send(const Outgoing& outgoing);
  asio::awaitable<error_code> write(std::string_view bytes);
  Error unreachable(std::string_view what, const error_code& error) const;

  const Address& address_;
  const ClientOptions& options_;
  asio::io_context context_{1};
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
};

Error Exchange::unreachable(std::string_view what, const error_code& error) const {
  bool late = error == beast::error::timeout;
  return Error::external(
      late ? ErrorCode::deadline_exceeded : ErrorCode::unavailable,
      fmt::format("{} {}: {}", what, address_.to_string(), late ? "no answer in time" : error.message()));
}

asio::awaitable<Result<ClientResponse>> Exchange::talk(const Outgoing& outgoing, bool head_only) {
  auto [resolve_error, endpoints] = co_await resolver_.async_resolve(address_.host, address_.port, kAsTuple);
  if (resolve_error) {
    Error error =
        Error::external(ErrorCode::unavailable, fmt::format("cannot resolve the host name {} of {}: {}", address_.host,
                                                            address_.to_string(), resolve_error.message()));
    co_return error;
  }
  stream_.expires_after(options_.connect_timeout);
  auto [connect_error, endpoint] = co_await stream_.async_connect(endpoints, kAsTuple);
  if (connect_error) {
    Error error = unreachable("cannot connect to", connect_error);
    co_return error;
  }
  error_code ignored;
  stream_.socket().set_option(tcp::no_delay(true), ignored);

  error_code send_error = co_await send(outgoing);
  // A server that refuses a body answers before it has read it: its words are worth more than "broken pipe".
  stream_.expires_after(options_.read_timeout);
  beast::flat_buffer buffer;
  Parser parser;
  parser.body_limit(options_.body_bytes_max);
  parser.skip(head_only);
  auto [read_error, count] = co_await beast::http::async_read(stream_, buffer, parser, kAsTuple);
  if (read_error) {
    bool ours = send_error && send_error != beast::error::timeout;
    Error error =
        unreachable(ours ? "cannot send the request to" : "no answer from", send_error ? send_error : read_error);
    if (!send_error &&
        read_error.category() == beast::http::make_error_code(beast::http::error::bad_version).category() &&
        read_error != beast::http::error::end_of_stream) {
      error = Error::external(ErrorCode::corrupt, fmt::format("{} does not answer in HTTP: {}", address_.to_string(),
                                                              read_error.message()));
    }
    co_return error;
  }
  ClientResponse response;
  response.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    response.headers.push_back(Header{std::string(field.name_string()), std::string(field.value())});
  }
  response.body = std::move(parser.get().body());
  co_return response;
}

asio::awaitable<error_code> Exchange::send(const Outgoing& outgoing) {
  error_code error = co_await write(outgoing.front);
  std::string piece(outgoing.file.valid() ? kPieceBytes : 0, '\0');
  std::uint64_t sent = 0;
  while (!error && sent < outgoing.file_bytes) {
    std::size_t wanted = std::min<std::uint64_t>(piece.size(), outgoing.file_bytes - sent);
    ssize_t count = ::read(outgoing.file.get(), piece.data(), wanted);
    if (count <= 0) co_return make_error_code(boost::system::errc::io_error);  // the file shrank while being sent
    std::string_view fresh(piece.data(), static_cast<std::size_t>(count));
    error = co_await write(fresh);
    sent += fresh.size();
    if (outgoing.progress && !error) outgoing.progress(sent, outgoing.file_bytes);
  }
  if (!error) error = co_await write(outgoing.back);
  co_return error;
}

asio::awaitable<error_code> Exchange::write(std::string_view bytes) {
  while (!bytes.empty()) {
    stream_.expires_after(options_.write_timeout);
    auto piece = asio::buffer(bytes.data(), bytes.size());
    auto [error, count] = co_await stream_.async_write_some(piece, kAsTuple);
    if (error) co_return error;
    bytes.remove_prefix(count);
  }
  co_return error_code();
}

bool is_ipv6(std::string_view host) { return host.find(':') != std::string_view::npos; }

std::string head_of(const Address& address, std::string_view method, std::string_view target,
                    std::string_view content_type, std::uint64_t body_bytes) {
  std::string head = fmt::format(
      "{} {}{} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nUser-Agent: weir\r\nConnection: close\r\n", method,
      address.path_prefix, target, address.to_string());
  if (!content_type.empty()) head += fmt::format("Content-Type: {}\r\n", content_type);
  if (body_bytes > 0 || method != "GET") head += fmt::format("Content-Length: {}\r\n", body_bytes);
  return head += "\r\n";
}

/// Quotes and line breaks as browsers write them in a form.
std::string quoted(std::string_view text) {
  std::string out;
  for (char letter : text) {
    switch (letter) {
      case '"': out += "%22"; break;
      case '\r': out += "%0D"; break;
      case '\n': out += "%0A"; break;
      default: out.push_back(letter);
    }
  }
  return out;
}

std::string fresh_boundary() {
  unsigned char bytes[16] = {};
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::memset(bytes, 7, sizeof bytes);
  std::string boundary = "weir-";
  for (unsigned char byte : bytes) boundary += fmt::format("{:02x}", byte);
  return boundary;
}

}  // namespace

Result<Address> Address::parse(std::string_view text, std::uint16_t default_port) {
  auto refuse = [&](std::string_view why) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("cannot use the address {}: {}; write host:port or http://host:port", text, why));
  };
  std::string_view rest = text;
  if (rest.starts_with("https://")) return refuse("https is not spoken here");
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  Address address;
  std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    address.path_prefix = rest.substr(slash);
    while (!address.path_prefix.empty() && address.path_prefix.back() == '/') address.path_prefix.pop_back();
    rest = rest.substr(0, slash);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return refuse("a '[' has no ']'");
    address.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
    if (!port.empty() && port.front() != ':') return refuse("']' must be followed by ':' and a port");
  } else {
    std::size_t colon = rest.find(':');
    address.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
  }
  if (address.host.empty()) return refuse("it names no host");
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) return refuse("it contains a space");
  if (port.empty()) {
    address.port = std::to_string(default_port);
    return address;
  }
  port.remove_prefix(1);
  unsigned number = 0;
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
    return refuse("the port is not a number from 1 to 65535");
  }
  address.port = std::to_string(number);
  return address;
}

std::string Address::to_string() const {
  return is_ipv6(host) ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

HttpClient::HttpClient(Address address, ClientOptions options) : address_(std::move(address)), options_(options) {}

Result<ClientResponse> HttpClient::send(std::string_view method, std::string_view target, std::string_view body) {
  Outgoing outgoing;
  outgoing.front = head_of(address_, method, target, body.empty() ? "" : "application/json", body.size());
  outgoing.front += body;
  return Exchange(address_, options_).run(outgoing, method == "HEAD");
}

Result<ClientResponse> HttpClient::upload(std::string_view target, std::string_view field, const std::string& path,
                                          std::string_view name,
                                          std::function<void(std::uint64_t, std::uint64_t)> progress) {
  Outgoing outgoing;
  outgoing.file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  bool usable = outgoing.file.valid() && ::fstat(outgoing.file.get(), &about) == 0;
  int reason = errno;
  if (!usable || !S_ISREG(about.st_mode)) {
    return Error::user(
        !usable && reason == ENOENT ? ErrorCode::not_found : ErrorCode::io,
        fmt::format("cannot read the file {}: {}", path, usable ? "it is not a regular file" : std::strerror(reason)));
  }
  std::string boundary = fresh_boundary();
  std::string part = fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: "
      "application/octet-stream\r\n\r\n",
      boundary, quoted(field), quoted(name));
  outgoing.back = fmt::format("\r\n--{}--\r\n", boundary);
  outgoing.file_bytes = static_cast<std::uint64_t>(about.st_size);
  outgoing.progress = std::move(progress);
  outgoing.front = head_of(address_, "POST", target, "multipart/form-data; boundary=" + boundary,
                           part.size() + outgoing.file_bytes + outgoing.back.size());
  outgoing.front += part;
  return Exchange(address_, options_).run(outgoing, false);
}

}  // namespace weir::http

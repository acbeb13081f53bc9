#include "common/http/http_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "common/base/unique_fd.h"
#include "common/http/connection_waits.h"
#include "common/http/form_spool.h"
#include "common/http/response_head.h"

namespace weir::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Parser = beast::http::request_parser<beast::http::buffer_body>;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPieceBytes = 64 * 1024;    // of a body or a file, at once in memory
constexpr std::size_t kBodyProgressBytes = 1024;  // that body_timeout asks for
constexpr std::chrono::milliseconds kLingerTimeout{2'000};

/// Why a request is not handed to the handler. Status 0: the client has gone, or asked nothing.
struct Refusal {
  unsigned status = 0;
  std::string message;
};

/// Bytes of a file that an answer will carry, or nothing when it cannot be read.
std::optional<std::uint64_t> bytes_to_send(const UniqueFd& file, const FileBody& body) {
  struct stat about {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  std::uint64_t size = static_cast<std::uint64_t>(about.st_size);
  std::uint64_t left = size - std::min(size, body.offset);
  return body.bytes ? std::min(left, *body.bytes) : left;
}

/// True for what the parser says about the bytes; false for what the socket says.
bool is_http_error(const error_code& error) {
  return error.category() == beast::http::make_error_code(beast::http::error::bad_method).category();
}

Refusal refusal_of_head(const error_code& error, bool timed_out, std::size_t head_bytes_max) {
  using Http = beast::http::error;
  if (timed_out) return {408, "The request took too long to arrive."};
  if (error == Http::end_of_stream) return {};
  if (error == Http::header_limit || error == Http::buffer_overflow) {
    return {431, fmt::format("The request line and headers are longer than {} bytes.", head_bytes_max)};
  }
  if (error == Http::partial_message) return {400, "The request ended before its headers did."};
  if (is_http_error(error)) return {400, fmt::format("Malformed HTTP request: {}.", error.message())};
  return {};
}

Response options_response() {
  const std::string methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
  Response response;
  response.status = 204;
  response.headers = {
      {"Allow", methods}, {"Access-Control-Allow-Methods", methods}, {"Access-Control-Allow-Headers", "Content-Type"}};
  return response;
}

/// What a body that is made late comes to, however that fails.
Response made_by(const std::function<Response()>& make) {
  try {
    return make();
  } catch (const std::exception& failure) {
    return error_response(500, {"Internal server error.", failure.what()});
  } catch (...) {
    return error_response(500, {"Internal server error.", "an exception of an unknown type"});
  }
}

}  // namespace

struct HttpConnection::State {
  State(std::shared_ptr<asio::io_context> its_context, asio::ip::tcp::socket its_socket,
        const ServerOptions& its_options, Handler& its_handler, BlockingPool& its_files)
      : context(std::move(its_context)),
        socket(std::move(its_socket)),
        options(its_options),
        handler(its_handler),
        files(its_files),
        deadline(socket),
        answer_timer(socket.get_executor()),
        buffer(options.head_bytes_max + kPieceBytes) {
    error_code ignored;
    auto endpoint = socket.remote_endpoint(ignored);
    if (!ignored) peer = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  }

  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> wait_for_first_byte();
  asio::awaitable<Refusal> read_body(Parser& parser, const BodyRule& rule, Request& request);
  asio::awaitable<Refusal> read_pieces(Parser& parser, std::uint64_t bytes_max, Request& request,
                                       MultipartParser* form);
  asio::awaitable<Response> ask_handler(Request request);
  asio::awaitable<bool> refuse(Refusal refusal);
  asio::awaitable<bool> send(Response response, bool head_only);
  asio::awaitable<bool> send_file(const UniqueFd& file, std::uint64_t offset, std::uint64_t bytes);
  asio::awaitable<bool> send_stream(const StreamBody& body);
  asio::awaitable<bool> write(std::string_view bytes);
  asio::awaitable<void> linger();

  /// Somewhere to wait for a T, until answer_timeout.
  template <class T>
  std::shared_ptr<Meeting<T>> arrange() {
    auto meeting = std::make_shared<Meeting<T>>();
    meeting->context = context;
    meeting->waiting = &answer_timer;
    answer_timer.expires_after(options.answer_timeout);
    return meeting;
  }
  Request begin_request(const Parser& parser) const;
  std::string head_of(const Response& response, std::optional<std::uint64_t> body_bytes) const {
    return response_head(response, body_bytes,
                         {.keep_alive = keep_alive, .old_version = old_version, .allow_origin = options.allow_origin});
  }
  void close() {
    error_code ignored;
    deadline.clear();
    answer_timer.cancel();
    socket.close(ignored);
  }

  // Set once
  std::shared_ptr<asio::io_context> context;
  asio::ip::tcp::socket socket;
  const ServerOptions& options;
  Handler& handler;
  BlockingPool& files;
  std::string peer;
  // The connection's thread only
  Deadline deadline;
  asio::steady_timer answer_timer;
  beast::flat_buffer buffer;
  bool served_before = false;
  bool idle = false;
  bool answer_begun = false;  // to the request at hand: whatever happens then, no second answer may follow
  bool closing = false;
  bool keep_alive = true;    // of the request at hand
  bool old_version = false;  // HTTP/1.0
  bool lingers = false;      // closing at once, with input unread, would reset the connection and lose our answer
};

HttpConnection::HttpConnection(std::shared_ptr<asio::io_context> context, asio::ip::tcp::socket socket,
                               const ServerOptions& options, Handler& handler, BlockingPool& files)
    : state_(std::make_unique<State>(std::move(context), std::move(socket), options, handler, files)) {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::close_when_idle() {
  state_->closing = true;
  error_code ignored;
  if (state_->idle) state_->socket.cancel(ignored);
}

void HttpConnection::end_waiting() {
  close_when_idle();
  state_->answer_timer.cancel();
}

void HttpConnection::abort() {
  state_->closing = true;
  state_->close();
}

asio::awaitable<void> HttpConnection::run() {
  Refusal failure;
  try {
    bool goes_on = true;
    while (goes_on && !state_->closing) goes_on = co_await state_->serve_one();
  } catch (const std::exception& thrown) {
    failure.status = 500;
    failure.message = thrown.what();
  }
  try {
    if (failure.status != 0 && !state_->answer_begun) co_await state_->refuse(std::move(failure));
    if (state_->lingers) co_await state_->linger();
  } catch (const std::exception&) {
    // Out of memory, at worst; the client sees a closed connection, the others nothing.
  }
  state_->close();
}

asio::awaitable<void> HttpConnection::turn_away() {
  Refusal full;
  full.status = 503;
  full.message = fmt::format("The server has {} connections open, which is its limit: try again later.",
                             state_->options.connections_max);
  co_await state_->refuse(std::move(full));
  co_await state_->linger();
  state_->close();
}

/// One request and its answer; false when the connection is to end.
asio::awaitable<bool> HttpConnection::State::serve_one() {
  keep_alive = false;
  answer_begun = false;
  bool begun = co_await wait_for_first_byte();
  if (!begun) co_return false;
  served_before = true;

  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options.head_bytes_max));
  parser.body_limit(boost::none);  // the route says it, once it is known
  deadline.set(options.head_timeout);
  auto [error, count] = co_await beast::http::async_read_header(socket, buffer, parser, kAsTuple);
  deadline.clear();
  if (error) {
    Refusal refusal = refusal_of_head(error, deadline.passed(), options.head_bytes_max);
    co_return co_await refuse(std::move(refusal));
  }
  old_version = parser.get().version() < 11;

  Request request = begin_request(parser);
  BodyRule rule = handler.body_rule(request);
  Refusal refusal;
  if (!rule.refused.empty()) {
    refusal.status = 403;
    refusal.message = std::move(rule.refused);
    co_return co_await refuse(std::move(refusal));
  }
  refusal = co_await read_body(parser, rule, request);
  if (refusal.status != 0 || !parser.is_done()) co_return co_await refuse(std::move(refusal));

  keep_alive = parser.keep_alive() && !closing;
  bool head_only = request.method == "HEAD";
  Response response = co_await ask_handler(std::move(request));
  keep_alive = keep_alive && !closing;
  bool sent = co_await send(std::move(response), head_only);
  lingers = sent && !keep_alive;
  co_return sent&& keep_alive;
}

asio::awaitable<bool> HttpConnection::State::wait_for_first_byte() {
  if (buffer.size() > 0) co_return true;  // the next request was sent with the last one
  idle = true;
  deadline.set(served_before ? options.idle_timeout : options.head_timeout);
  auto room = buffer.prepare(4096);
  auto [error, count] = co_await socket.async_read_some(room, kAsTuple);
  deadline.clear();
  idle = false;
  if (error) co_return false;
  buffer.commit(count);
  co_return true;
}

Request HttpConnection::State::begin_request(const Parser& parser) const {
  const auto& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    request.headers.push_back(Header{std::string(field.name_string()), std::string(field.value())});
  }
  request.peer = peer;
  return request;
}

asio::awaitable<Refusal> HttpConnection::State::read_body(Parser& parser, const BodyRule& rule, Request& request) {
  Refusal refusal;
  auto length = parser.content_length();
  if (length && *length > rule.bytes_max) {
    refusal.status = 413;
    refusal.message = fmt::format("The body has {} bytes, and at most {} are taken here.", *length, rule.bytes_max);
    co_return refusal;
  }
  std::unique_ptr<FormSpool> spool;
  std::unique_ptr<MultipartParser> form;
  if (rule.kind == BodyRule::Kind::form) {
    Result<std::string> boundary = boundary_of(request.header("Content-Type").value_or(""));
    if (!boundary.ok()) {
      refusal.status = 400;
      refusal.message = boundary.error().message;
      co_return refusal;
    }
    spool = std::make_unique<FormSpool>(options.spool_directory);
    form = std::make_unique<MultipartParser>(*boundary, MultipartLimits(), *spool);
  }
  bool waits_for_us = !parser.is_done() && find_header(request.headers, "Expect").value_or("") == "100-continue";
  if (waits_for_us && buffer.size() == 0) {
    bool sent = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return refusal;
  }
  refusal = co_await read_pieces(parser, rule.bytes_max, request, form.get());
  if (!form) co_return refusal;
  if (refusal.status != 0 || !parser.is_done()) {
    auto discard = [&] { spool.reset(); };  // with the file that it has begun
    co_await run_blocking(files, std::move(discard));
    co_return refusal;
  }

  auto finish = [&] { return form->finish(); };
  Result<void> whole = co_await run_blocking(files, std::move(finish));
  if (!whole.ok()) {
    refusal.status = whole.error().blame == Blame::user ? 400 : 500;
    refusal.message = whole.error().message;
  } else {
    request.parts = spool->take_parts();
  }
  co_return refusal;
}

/// The body, piece by piece, into the request or the form. Status 0 with an unfinished parser: the client went away.
asio::awaitable<Refusal> HttpConnection::State::read_pieces(Parser& parser, std::uint64_t bytes_max, Request& request,
                                                            MultipartParser* form) {
  Refusal refusal;
  std::string piece(parser.is_done() ? 0 : kPieceBytes, '\0');
  std::uint64_t total = 0;
  std::size_t since_deadline = 0;
  deadline.set(options.body_timeout);
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    auto [error, count] = co_await beast::http::async_read_some(socket, buffer, parser, kAsTuple);
    std::size_t bytes = piece.size() - body.size;
    total += bytes;
    since_deadline += bytes;
    if (error && error != beast::http::error::need_buffer) {
      deadline.clear();
      if (deadline.passed()) {
        refusal.status = 408;
        refusal.message = "The body of the request took too long to arrive.";
      } else if (error == beast::http::error::partial_message) {
        refusal.status = 400;
        refusal.message = fmt::format("The request ended before its body did, after {} bytes of it.", total);
      } else if (is_http_error(error)) {
        refusal.status = 400;
        refusal.message = fmt::format("Malformed HTTP request: {}.", error.message());
      }
      co_return refusal;
    }
    if (total > bytes_max) {
      refusal.status = 413;
      refusal.message = fmt::format("The body is longer than {} bytes, the most that is taken here.", bytes_max);
      break;
    }
    std::string_view fresh(piece.data(), bytes);
    if (form == nullptr) {
      request.body.append(fresh);
    } else {
      auto feed = [&] { return form->feed(fresh); };
      Result<void> taken = co_await run_blocking(files, std::move(feed));
      if (!taken.ok()) {
        refusal.status = taken.error().blame == Blame::user ? 400 : 500;
        refusal.message = taken.error().message;
        break;
      }
      if (deadline.passed()) deadline.set(options.body_timeout);  // by our disk's fault: the client gets new time
    }
    if (since_deadline >= kBodyProgressBytes) {
      since_deadline = 0;
      deadline.set(options.body_timeout);
    }
  }
  deadline.clear();
  co_return refusal;
}

/// What the handler answers, however it fails to.
asio::awaitable<Response> HttpConnection::State::ask_handler(Request request) {
  if (request.method == "OPTIONS") co_return options_response();
  auto meeting = arrange<Response>();
  Responder responder([meeting](Response response) { deliver(meeting, std::move(response)); });
  try {
    handler.handle(std::move(request), std::move(responder));
  } catch (const std::exception& failure) {
    meeting->waiting = nullptr;
    std::vector<std::string> messages(1, "Internal server error.");
    messages.push_back(failure.what());
    co_return error_response(500, messages);
  }
  co_await answer_timer.async_wait(kAsTuple);
  meeting->waiting = nullptr;
  if (meeting->value) co_return std::move(*meeting->value);
  std::vector<std::string> messages(
      1, closing ? "The server is ending, and the request was not answered before: ask again later."
                 : "The request was not answered in time: try again later.");
  co_return error_response(503, messages);
}

/// Tells the client why, where there is something to tell; the connection ends in any case.
asio::awaitable<bool> HttpConnection::State::refuse(Refusal refusal) {
  if (refusal.status == 0) co_return false;
  keep_alive = false;
  lingers = true;
  std::vector<std::string> messages(1, refusal.message);
  Response response = error_response(refusal.status, messages);
  co_await send(std::move(response), false);
  co_return false;
}

asio::awaitable<bool> HttpConnection::State::send(Response response, bool head_only) {
  if (RenderedBody* work = std::get_if<RenderedBody>(&response.body))
    response = made_by(std::exchange(work->make, nullptr));
  if (BlockingBody* work = std::get_if<BlockingBody>(&response.body)) {
    auto make = [function = std::move(work->make)] { return made_by(function); };
    response = co_await run_blocking(files, std::move(make));
  }
  answer_begun = true;
  if (response.status < 200 || response.status > 599) response.status = 500;
  bool bodiless = head_only || response.status == 204 || response.status == 304;
  if (const FileBody* part = std::get_if<FileBody>(&response.body)) {
    UniqueFd file;
    auto open = [&] {
      file.reset(::open(part->path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
      return bytes_to_send(file, *part);
    };
    std::optional<std::uint64_t> bytes = co_await run_blocking(files, std::move(open));
    if (bytes) {
      std::string head = head_of(response, *bytes);
      bool sent = co_await write(head);
      if (sent && !bodiless) sent = co_await send_file(file, part->offset, *bytes);
      co_return sent;
    }
    std::vector<std::string> messages(1, "The file is not there any more.");
    response = error_response(404, messages);
  }
  if (const StreamBody* stream = std::get_if<StreamBody>(&response.body)) {
    keep_alive = keep_alive && !old_version;  // HTTP/1.0 knows the end of such a body by the end of the connection
    std::string head = head_of(response, std::nullopt);
    bool sent = co_await write(head);
    if (sent && !bodiless) sent = co_await send_stream(*stream);
    co_return sent;
  }
  const std::string& body = std::get<std::string>(response.body);
  std::string head = head_of(response, body.size());
  if (bodiless) co_return co_await write(head);
  if (body.size() <= kPieceBytes) {
    head += body;  // one packet instead of two
    co_return co_await write(head);
  }
  bool sent = co_await write(head);
  if (sent) sent = co_await write(body);
  co_return sent;
}

asio::awaitable<bool> HttpConnection::State::send_file(const UniqueFd& file, std::uint64_t offset,
                                                       std::uint64_t bytes) {
  std::string piece(std::min<std::uint64_t>(kPieceBytes, bytes), '\0');
  while (bytes > 0) {
    std::size_t wanted = std::min<std::uint64_t>(piece.size(), bytes);
    auto read = [&] { return ::pread(file.get(), piece.data(), wanted, static_cast<off_t>(offset)); };
    ssize_t count = co_await run_blocking(files, std::move(read));
    if (count <= 0) co_return false;  // cut while being sent: the promised length can only be broken by closing
    std::string_view fresh(piece.data(), static_cast<std::size_t>(count));
    bool sent = co_await write(fresh);
    if (!sent) co_return false;
    offset += static_cast<std::uint64_t>(count);
    bytes -= static_cast<std::uint64_t>(count);
  }
  co_return true;
}

asio::awaitable<bool> HttpConnection::State::send_stream(const StreamBody& body) {
  while (true) {
    auto meeting = arrange<Result<std::string>>();
    body.next([meeting](Result<std::string> piece) { deliver(meeting, std::move(piece)); });
    co_await answer_timer.async_wait(kAsTuple);
    meeting->waiting = nullptr;
    if (!meeting->value || !meeting->value->ok()) co_return false;
    const std::string& piece = **meeting->value;
    if (piece.empty()) break;
    std::string chunk = old_version ? piece : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
    bool sent = co_await write(chunk);
    if (!sent) co_return false;
  }
  if (old_version) co_return true;
  co_return co_await write("0\r\n\r\n");
}

asio::awaitable<bool> HttpConnection::State::write(std::string_view bytes) {
  while (!bytes.empty()) {
    deadline.set(options.write_timeout);
    auto piece = asio::buffer(bytes.data(), bytes.size());
    auto [error, count] = co_await socket.async_write_some(piece, kAsTuple);
    deadline.clear();
    if (error) co_return false;
    bytes.remove_prefix(count);
  }
  co_return true;
}

/// Reads on for a moment what the client still sends: a close with unread input would destroy our answer on its way.
asio::awaitable<void> HttpConnection::State::linger() {
  error_code ignored;
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::string piece(kPieceBytes, '\0');
  idle = true;  // the server need not wait for it
  deadline.set(kLingerTimeout);
  while (true) {
    auto room = asio::buffer(piece.data(), piece.size());
    auto [error, count] = co_await socket.async_read_some(room, kAsTuple);
    if (error) break;
  }
  deadline.clear();
}

}  // namespace weir::http

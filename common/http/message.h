// A request and its answer as plain values: what handlers see of HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weir/result.h"

namespace weir::http {

struct Header {
  std::string name;
  std::string value;
};

/// The first value of a header by its name in any case, or nothing.
std::optional<std::string_view> find_header(const std::vector<Header>& headers, std::string_view name);

/// A file that the server wrote for one request; it is deleted with this object unless somebody keeps it.
/// Lives on: any thread (a value that moves).
class SpooledFile {
 public:
  explicit SpooledFile(std::string path) : path_(std::move(path)) {}
  SpooledFile(SpooledFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  SpooledFile& operator=(SpooledFile&& other) noexcept;
  SpooledFile(const SpooledFile&) = delete;
  ~SpooledFile();

  const std::string& path() const { return path_; }
  /// Hands the file over: the caller moves or deletes it.
  std::string keep() { return std::exchange(path_, {}); }

 private:
  std::string path_;
};

/// One part of a form: a short value, or a file in the spool directory.
struct FormPart {
  std::string name;
  std::string file_name;  ///< as the client wrote it: never a path to use, see safe_file_name()
  std::string content_type;
  std::string value;  ///< of a part that is no file
  std::optional<SpooledFile> file;
  std::uint64_t bytes = 0;  ///< of the value or the file
};

struct Request {
  std::string method;  ///< "GET", as sent
  std::string target;  ///< "/jobs?x=1", as sent; see Target::parse
  std::vector<Header> headers;
  std::string body;             ///< empty where the body was a form
  std::vector<FormPart> parts;  ///< of a form
  std::string peer;             ///< address of the client, for the log

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

/// A piece of a file as the body of an answer, read while it is sent.
struct FileBody {
  std::string path;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> bytes;  ///< to the end of the file, as long as it is at that moment, when not given
};

/// The body of an answer that comes from somewhere else, piece by piece; sent chunked, without its length in front.
struct StreamBody {
  using Taker = std::function<void(Result<std::string>)>;
  /// Asked for the next piece when the last one was sent: calls its argument once, from any thread, now or later. An
  /// empty piece is the end; an Error closes the connection, so that the client sees that something is missing.
  std::function<void(Taker)> next;
};

struct Response;

/// A reply that is made on the connection's own thread: what takes processor time and never blocks. An exception of
/// `make` is status 500 for this request.
struct RenderedBody {
  std::function<Response()> make;
};

/// An answer that takes a look at files first: `make` is called where blocking holds up nobody, and its Response is
/// what is sent. An exception of `make` is status 500 for this request.
struct BlockingBody {
  std::function<Response()> make;
};

struct Response {
  unsigned status = 200;
  std::string content_type;  ///< no header when empty
  std::vector<Header> headers;
  std::variant<std::string, FileBody, StreamBody, RenderedBody, BlockingBody> body;
  bool page = false;  ///< part of the dashboard: sent with the headers that keep foreign scripts and frames out
};

/// {"errors":["..."]} with a status; what every failed request is answered with.
Response error_response(unsigned status, const std::vector<std::string>& messages);

/// The one answer of one request.
/// Lives on: any thread; moves, and is owned by whoever will answer.
/// Promises that the client gets exactly one answer: a Responder that goes away unanswered answers with 500.
class Responder {
 public:
  /// @param deliver  called once, on the thread that answers
  explicit Responder(std::function<void(Response)> deliver) : deliver_(std::move(deliver)) {}
  Responder(Responder&& other) noexcept : deliver_(std::exchange(other.deliver_, nullptr)) {}
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  ~Responder();

  /// Sends the answer. ENSUREs that it is the first.
  void answer(Response response);

 private:
  std::function<void(Response)> deliver_;
};

/// How the server takes the body of a request; asked once its head is there.
struct BodyRule {
  enum class Kind {
    memory,  ///< into Request::body
    form     ///< multipart/form-data: values into Request::parts, files into the spool directory
  };
  Kind kind = Kind::memory;
  std::uint64_t bytes_max = 1024 * 1024;
  std::string refused;  ///< not empty: the request is answered with 403 and this sentence, its body is not read
};

/// Who answers requests. Called on the server's threads, several at once: must not block.
class Handler {
 public:
  virtual ~Handler() = default;
  /// How the body of a request to this target is taken. `request` has no body yet.
  virtual BodyRule body_rule(const Request& request) = 0;
  virtual void handle(Request request, Responder responder) = 0;
};

}  // namespace weir::http

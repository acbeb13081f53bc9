#include "common/http/response_head.h"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>
#include <iterator>

namespace weir::http {
namespace {

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  if (has_line_break(name) || has_line_break(value)) return;
  fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
}

}  // namespace

std::string response_head(const Response& response, std::optional<std::uint64_t> body_bytes, const HeadTerms& terms) {
  std::string_view reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason);
  if (!response.content_type.empty()) append_header(head, "Content-Type", response.content_type);
  bool has_body = response.status != 204 && response.status != 304;
  if (has_body && body_bytes) append_header(head, "Content-Length", std::to_string(*body_bytes));
  if (has_body && !body_bytes && !terms.old_version) append_header(head, "Transfer-Encoding", "chunked");
  if (!terms.allow_origin.empty()) append_header(head, "Access-Control-Allow-Origin", terms.allow_origin);
  append_header(head, "X-Content-Type-Options", "nosniff");
  if (response.page) {
    append_header(head, "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'");
    append_header(head, "X-Frame-Options", "DENY");
    append_header(head, "Referrer-Policy", "no-referrer");
  }
  for (const Header& header : response.headers) append_header(head, header.name, header.value);
  if (!terms.keep_alive) append_header(head, "Connection", "close");
  if (terms.keep_alive && terms.old_version) append_header(head, "Connection", "keep-alive");
  return head += "\r\n";
}

}  // namespace weir::http

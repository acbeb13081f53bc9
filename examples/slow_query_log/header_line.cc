#include "examples/slow_query_log/header_line.h"

#include <cstring>

namespace slow_query_log {
namespace {

constexpr std::string_view kQueryTime = "Query_time:";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name(char c) { return is_letter(c) || c == '_' || c == '@' || (c >= '0' && c <= '9'); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Length of the name in front of a colon; 0 when there is none.
size_t name_bytes(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return 0;
  size_t size = 1;
  while (size < text.size() && is_name(text[size])) ++size;
  return size < text.size() && text[size] == ':' ? size : 0;
}

}  // namespace

HeaderLine header_line(std::string_view line) {
  const HeaderLine leading = leading_header_line(line);
  if (leading != HeaderLine::none) return leading;
  return name_bytes(header_body(line)) == 0 ? HeaderLine::none : HeaderLine::other;
}

bool has_query_time_inside(std::string_view line) {
  std::string_view text = header_body(line);
  if (text.starts_with("explain:")) return false;
  for (size_t at = text.find(kQueryTime); at != std::string_view::npos; at = text.find(kQueryTime, at + 1)) {
    if (at == 0 || is_blank(text[at - 1])) return true;
  }
  return false;
}

size_t header_inside(std::string_view line) {
  size_t at = 1;
  while (at < line.size()) {
    const void* found = std::memchr(line.data() + at, '#', line.size() - at);
    if (found == nullptr) break;
    at = static_cast<size_t>(static_cast<const char*>(found) - line.data());
    const HeaderLine inside = is_blank(line[at - 1]) ? header_line(line.substr(at)) : HeaderLine::none;
    if (inside != HeaderLine::none && inside != HeaderLine::administrator) return at;
    ++at;
  }
  return std::string_view::npos;
}

bool is_bare_header(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  if (line.empty() || line[0] < 'A' || line[0] > 'Z') return false;
  if (line.starts_with("User@Host:")) return true;
  bool value = true;  // whether the last name has one, or none is needed
  while (!line.empty()) {
    const size_t name = name_bytes(line);
    if (name == 0 && value) return false;  // a value of two words
    if (name != 0) {
      line.remove_prefix(name + 1);
      value = false;
    } else {
      size_t end = 0;
      while (end < line.size() && !is_blank(line[end])) {
        if (line[end] == ';' || line[end] == '\'' || line[end] == '"') return false;
        ++end;
      }
      line.remove_prefix(end);
      value = true;
    }
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  }
  return true;
}

}  // namespace slow_query_log

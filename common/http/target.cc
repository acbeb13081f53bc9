#include "common/http/target.h"

#include <fmt/format.h>

#include "common/base/try.h"

namespace weir::http {

namespace {

constexpr std::size_t kQueryPairsMax = 1000;

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

bool is_unreserved(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
         letter == '-' || letter == '.' || letter == '_' || letter == '~';
}

/// The path of "http://host/path"; the text itself when it is a path already.
std::string_view without_authority(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    std::string_view rest = text.substr(scheme.size());
    std::size_t end = rest.find_first_of("/?");
    if (end == std::string_view::npos) return "/";
    return rest.substr(end);
  }
  return text;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (text[at] != '%') {
      decoded.push_back(text[at]);
    } else {
      int high = at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
      int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
      if (high < 0 || low < 0) {
        return Error::user(ErrorCode::invalid_argument,
                           fmt::format("a '%' needs two hexadecimal digits after it: byte {} of the address", at));
      }
      decoded.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (char letter : text) {
    if (is_unreserved(letter)) {
      encoded.push_back(letter);
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return encoded;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    std::size_t end = text.find_first_of("&;");
    std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    if (query.pairs_.size() == kQueryPairsMax) {
      return Error::user(ErrorCode::invalid_argument,
                         fmt::format("too many query parameters: at most {} are taken", kQueryPairsMax));
    }
    std::size_t equals = pair.find('=');
    TRY(std::string name, percent_decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      TRY(std::string decoded, percent_decode(pair.substr(equals + 1), true));
      value = std::move(decoded);
    }
    query.pairs_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

std::optional<std::string_view> Query::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Query::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : pairs_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Result<Target> Target::parse(std::string_view text) {
  std::string_view rest = without_authority(text);
  if (rest.empty() || (rest.front() != '/' && rest.front() != '?')) {
    return Error::user(ErrorCode::invalid_argument, "the address of a request starts with '/' or 'http://'");
  }
  rest = rest.substr(0, rest.find('#'));
  std::size_t mark = rest.find('?');
  std::string_view raw_path = rest.substr(0, mark);

  Target target;
  if (mark != std::string_view::npos) {
    TRY(target.query, Query::parse(rest.substr(mark + 1)));
  }
  TRY(target.path, percent_decode(raw_path, false));
  if (target.path.empty()) target.path = "/";
  if (target.path.find('\0') != std::string::npos) {
    return Error::user(ErrorCode::invalid_argument, "the address of a request may not contain a zero byte");
  }
  while (!raw_path.empty()) {
    std::size_t slash = raw_path.find('/');
    if (slash != 0) {
      TRY(std::string segment, percent_decode(raw_path.substr(0, slash), false));
      target.segments.push_back(std::move(segment));
    }
    raw_path = slash == std::string_view::npos ? std::string_view() : raw_path.substr(slash + 1);
  }
  return target;
}

}  // namespace weir::http

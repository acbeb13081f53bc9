#include "common/http/multipart.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ensure.h"
#include "common/base/try.h"

namespace weir::http {

namespace {

constexpr std::size_t kBoundaryCharactersMax = 70;  // RFC 2046, 5.1.1
constexpr std::size_t kFileNameBytesMax = 100;
constexpr std::size_t kPaddingBytesMax = 64;

Error malformed(std::string_view what) {
  return Error::user(ErrorCode::invalid_argument, fmt::format("malformed form: {}", what));
}

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; }

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trim(std::string_view text) {
  std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct Parameter {
  std::string_view name;
  std::string value;
};

/// Takes one `; name=value` off the front of `rest`. The value is a token or a quoted string; inside quotes a backslash
/// escapes only a quote or itself, because some browsers send Windows paths unescaped.
Result<Parameter> take_parameter(std::string_view& rest) {
  rest.remove_prefix(1);  // the ';'
  rest = trim(rest);
  Parameter parameter;
  std::size_t equals = rest.find_first_of("=;");
  if (equals == std::string_view::npos || rest[equals] == ';') return malformed("a parameter without '='");
  parameter.name = trim(rest.substr(0, equals));
  rest = trim(rest.substr(equals + 1));
  if (rest.empty() || rest.front() != '"') {
    std::size_t end = rest.find(';');
    parameter.value = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    return parameter;
  }
  std::size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    bool escapes = rest[at] == '\\' && at + 1 < rest.size() && (rest[at + 1] == '"' || rest[at + 1] == '\\');
    if (escapes) ++at;
    parameter.value.push_back(rest[at]);
  }
  if (at >= rest.size()) return malformed("a quoted text without its end");
  rest = trim(rest.substr(at + 1));
  if (!rest.empty() && rest.front() != ';') return malformed("text after a quoted text");
  return parameter;
}

Result<void> read_disposition(std::string_view value, PartHead& head) {
  std::size_t end = value.find(';');
  if (!equals_ignoring_case(trim(value.substr(0, end)), "form-data")) {
    return malformed("the Content-Disposition of a part is not form-data");
  }
  bool named = false;
  std::string_view rest = end == std::string_view::npos ? std::string_view() : value.substr(end);
  while (!rest.empty()) {
    TRY(Parameter parameter, take_parameter(rest));
    if (equals_ignoring_case(parameter.name, "name")) {
      if (named) return malformed("a part with two names");
      named = true;
      head.name = std::move(parameter.value);
    } else if (equals_ignoring_case(parameter.name, "filename")) {
      if (head.is_file) return malformed("a part with two file names");
      head.is_file = true;
      head.file_name = std::move(parameter.value);
    }
  }
  if (!named) return malformed("a part without a name");
  return {};
}

bool is_boundary_character(char letter) {
  if ((letter >= '0' && letter <= '9') || (lower(letter) >= 'a' && lower(letter) <= 'z')) return true;
  return std::string_view("'()+_,-./:=? ").find(letter) != std::string_view::npos;
}

}  // namespace

Result<std::string> boundary_of(std::string_view content_type) {
  std::size_t end = content_type.find(';');
  if (!equals_ignoring_case(trim(content_type.substr(0, end)), "multipart/form-data")) {
    return Error::user(ErrorCode::invalid_argument,
                       "the body is not a form: send it as multipart/form-data with the file in a part of its own");
  }
  std::string_view rest = end == std::string_view::npos ? std::string_view() : content_type.substr(end);
  while (!rest.empty()) {
    TRY(Parameter parameter, take_parameter(rest));
    if (!equals_ignoring_case(parameter.name, "boundary")) continue;
    const std::string& boundary = parameter.value;
    if (boundary.empty() || boundary.size() > kBoundaryCharactersMax || boundary.back() == ' ' ||
        !std::all_of(boundary.begin(), boundary.end(), is_boundary_character)) {
      return malformed("the boundary is not 1 to 70 of the characters that RFC 2046 allows");
    }
    return std::move(parameter.value);
  }
  return malformed("the Content-Type names no boundary");
}

Result<PartHead> parse_part_head(std::string_view lines) {
  PartHead head;
  bool disposed = false;
  while (!lines.empty()) {
    std::size_t end = lines.find("\r\n");
    std::string_view line = lines.substr(0, end);
    lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 2);
    if (line.empty()) continue;
    if (line.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
      return malformed("a control character in the head of a part");
    }
    if (line.front() == ' ' || line.front() == '\t') return malformed("a folded line in the head of a part");
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a line without ':' in the head of a part");
    std::string_view name = trim(line.substr(0, colon));
    std::string_view value = trim(line.substr(colon + 1));
    if (equals_ignoring_case(name, "content-disposition")) {
      if (disposed) return malformed("a part with two Content-Dispositions");
      disposed = true;
      TRY_VOID(read_disposition(value, head));
    } else if (equals_ignoring_case(name, "content-type")) {
      head.content_type = value;
    }
  }
  if (!disposed) return malformed("a part without Content-Disposition");
  return head;
}

std::string safe_file_name(std::string_view client_name) {
  std::size_t slash = client_name.find_last_of("/\\");
  if (slash != std::string_view::npos) client_name.remove_prefix(slash + 1);
  if (client_name.size() > kFileNameBytesMax) client_name.remove_prefix(client_name.size() - kFileNameBytesMax);
  std::string name(client_name);
  for (char& letter : name) {
    bool kept = (letter >= '0' && letter <= '9') || (lower(letter) >= 'a' && lower(letter) <= 'z') || letter == '.' ||
                letter == '_' || letter == '-';
    if (!kept) letter = '_';
  }
  name.erase(0, std::min(name.find_first_not_of('.'), name.size()));
  return name.empty() ? "unnamed" : name;
}

MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits, PartSink& sink)
    : delimiter_(fmt::format("\r\n--{}", boundary)), limits_(limits), sink_(sink) {
  // The first boundary may stand at the very start, where no line ends before it.
  kept_ = "\r\n";
}

Result<void> MultipartParser::feed(std::string_view bytes) {
  if (place_ == Place::epilogue) return {};
  kept_.append(bytes);
  while (true) {
    TRY(bool moved, step());
    if (!moved) return {};
  }
}

Result<void> MultipartParser::finish() {
  if (place_ == Place::epilogue) return {};
  return malformed(parts_ == 0 ? "the boundary that the Content-Type names does not occur"
                               : "it ends before its closing boundary: the upload was cut short");
}

/// Goes on as far as one state; false when more bytes are needed.
Result<bool> MultipartParser::step() {
  switch (place_) {
    case Place::preamble:
    case Place::data: return step_to_boundary();
    case Place::after_boundary: return step_after_boundary();
    case Place::head: return step_head();
    case Place::epilogue: break;
  }
  kept_.clear();
  return false;
}

Result<bool> MultipartParser::step_to_boundary() {
  std::size_t at = kept_.find(delimiter_);
  bool found = at != std::string::npos;
  // Without a boundary, only the end of what we have can be the beginning of one.
  std::size_t certain = found ? at : kept_.size() - std::min(kept_.size(), delimiter_.size() - 1);
  if (place_ == Place::data && certain > 0) TRY_VOID(sink_.part_data(std::string_view(kept_).substr(0, certain)));
  if (!found) {
    kept_.erase(0, certain);
    return false;
  }
  if (place_ == Place::data) TRY_VOID(sink_.end_part());
  kept_.erase(0, at + delimiter_.size());
  place_ = Place::after_boundary;
  return true;
}

Result<bool> MultipartParser::step_after_boundary() {
  if (kept_.size() < 2) return false;
  if (kept_.starts_with("--")) {
    place_ = Place::epilogue;
    return true;
  }
  std::size_t end = kept_.find_first_not_of(" \t");
  if (end > kPaddingBytesMax) {  // nothing but padding, too: npos
    if (kept_.size() > kPaddingBytesMax) return malformed("a boundary with too much space after it");
    return false;
  }
  if (kept_.size() - end < 2) {
    if (kept_[end] != '\r') return malformed("a boundary that does not end its line");
    return false;
  }
  if (kept_.compare(end, 2, "\r\n") != 0) return malformed("a boundary that does not end its line");
  // The line end stays: a head without lines is its line end followed by an empty line.
  kept_.erase(0, end);
  if (++parts_ > limits_.parts_max) return malformed(fmt::format("more than {} parts", limits_.parts_max));
  place_ = Place::head;
  return true;
}

Result<bool> MultipartParser::step_head() {
  std::size_t end = kept_.find("\r\n\r\n");
  if (std::min(end, kept_.size()) > limits_.part_head_bytes_max) {
    return malformed(fmt::format("the head of a part is longer than {} bytes", limits_.part_head_bytes_max));
  }
  if (end == std::string::npos) return false;
  TRY(PartHead head, parse_part_head(std::string_view(kept_).substr(0, end)));
  TRY_VOID(sink_.begin_part(head));
  kept_.erase(0, end + 4);
  place_ = Place::data;
  return true;
}

}  // namespace weir::http

#include "examples/slow_query_log/json_message.h"

#include <cstdint>
#include <cstring>

namespace slow_query_log {
namespace {

constexpr const char* kCutOff = "the JSON object is cut off";
constexpr const char* kMalformed = "the JSON object is malformed";
constexpr int kDepthMax = 64;

class Reader {
 public:
  explicit Reader(std::string_view text) : p_(text.data()), end_(p_ + text.size()) {}

  const char* read(std::string_view wanted, std::string& message) {
    bool found = false;
    if (!take('{')) return kMalformed;
    for (bool first = true;; first = false) {
      blanks();
      if (p_ == end_) return kCutOff;
      if (*p_ == '}') {
        ++p_;
        break;
      }
      if (!first && !take(',')) return kMalformed;
      blanks();
      std::string_view key;
      if (const char* wrong = string(key)) return wrong;
      if (!take(':')) return p_ == end_ ? kCutOff : kMalformed;
      blanks();
      if (!found && key == wanted) {
        std::string_view raw;
        if (p_ < end_ && *p_ != '"') return "the JSON object's message is not a string";
        if (const char* wrong = string(raw)) return wrong;
        if (!unescape(raw, message)) return kMalformed;
        found = true;
      } else if (const char* wrong = skip_value()) {
        return wrong;
      }
    }
    blanks();
    if (p_ != end_) return "something follows the JSON object";
    return found ? nullptr : "the JSON object has no message";
  }

 private:
  void blanks() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\t' || *p_ == '\n' || *p_ == '\r')) ++p_;
  }

  bool take(char c) {
    blanks();
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  /// The inside of the string that begins here, still escaped.
  const char* string(std::string_view& inside) {
    if (p_ == end_) return kCutOff;
    if (*p_ != '"') return kMalformed;
    const char* from = ++p_;
    while (p_ < end_ && *p_ != '"') {
      if (*p_ == '\\' && ++p_ == end_) return kCutOff;
      ++p_;
    }
    if (p_ == end_) return kCutOff;
    inside = {from, static_cast<size_t>(p_ - from)};
    ++p_;
    return nullptr;
  }

  /// Any value. Numbers and names are taken by their letters: what is not the message is not judged closely.
  const char* skip_value() {
    int depth = 0;
    std::string_view ignored;
    do {
      blanks();
      if (p_ == end_) return kCutOff;
      const char c = *p_;
      if (c == '"') {
        if (const char* wrong = string(ignored)) return wrong;
      } else if (c == '{' || c == '[') {
        if (++depth > kDepthMax) return "the JSON object is nested too deep";
        ++p_;
      } else if (c == '}' || c == ']') {
        if (--depth < 0) return kMalformed;
        ++p_;
      } else if (c == ',' || c == ':') {
        if (depth == 0) return kMalformed;
        ++p_;
      } else {
        const char* from = p_;
        while (p_ < end_ && *p_ != '\0' && std::strchr("+-.0123456789truefalsnE", *p_) != nullptr) ++p_;
        if (p_ == from) return kMalformed;
      }
    } while (depth > 0);
    return nullptr;
  }

  static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  }

  /// The code unit of four hexadecimal digits, or -1.
  static int unit(const char* p, const char* end) {
    if (end - p < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex(p[i]);
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    return value;
  }

  static void append(std::string& out, uint32_t point) {
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xC0 | point >> 6);
      out += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      out += static_cast<char>(0xE0 | point >> 12);
      out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | point >> 18);
      out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
      out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (point & 0x3F));
    }
  }

  static bool unescape(std::string_view raw, std::string& out) {
    out.clear();
    const char* p = raw.data();
    const char* end = p + raw.size();
    while (p < end) {
      const void* found = std::memchr(p, '\\', static_cast<size_t>(end - p));
      const char* slash = found == nullptr ? end : static_cast<const char*>(found);
      out.append(p, slash);
      if (slash == end) break;
      p = slash + 2;  // string() has seen that something follows each backslash
      switch (slash[1]) {
        case 'n': out += '\n'; break;
        case 't': out += '\t'; break;
        case 'r': out += '\r'; break;
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case '"':
        case '\\':
        case '/': out += slash[1]; break;
        case 'u': {
          const int high = unit(p, end);
          if (high < 0) return false;
          p += 4;
          uint32_t point = static_cast<uint32_t>(high);
          if (high >= 0xD800 && high < 0xE000) {
            const int low = high < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? unit(p + 2, end) : -1;
            if (low >= 0xDC00 && low < 0xE000) {
              point = 0x10000 + (static_cast<uint32_t>(high - 0xD800) << 10) + static_cast<uint32_t>(low - 0xDC00);
              p += 6;
            } else {
              point = 0xFFFD;
            }
          }
          append(out, point);
          break;
        }
        default: return false;
      }
    }
    return true;
  }

  const char* p_;
  const char* end_;
};

}  // namespace

const char* unwrap_string(std::string_view json, std::string_view field, std::string& text) {
  return Reader(json).read(field, text);
}

const char* unwrap_message(std::string_view json, std::string& message) {
  return unwrap_string(json, "message", message);
}

}  // namespace slow_query_log

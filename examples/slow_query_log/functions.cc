#include "examples/slow_query_log/functions.h"

#include <string_view>

namespace slow_query_log {
namespace {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = static_cast<unsigned char>(size > 1 ? text[i + 1] : 0);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F))
      return false;
    i += size;
  }
  return true;
}

std::string base64(std::string_view bytes) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned word = at(0) << 16 | at(1) << 8 | at(2);
    text += kLetters[word >> 18];
    text += kLetters[word >> 12 & 63];
    text += i + 1 < bytes.size() ? kLetters[word >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kLetters[word & 63] : '=';
  }
  return text;
}

}  // namespace

SetAside set_aside(const weir::BadRecord& bad) {
  SetAside aside{bad.reason, bad.source, bad.place, bad.bytes, {}};
  if (!is_utf8(bad.bytes)) aside.record_base64 = base64(bad.bytes);
  return aside;
}

}  // namespace slow_query_log

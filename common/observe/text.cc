#include "common/observe/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::log {
namespace {

constexpr std::size_t kNoteBytes = 48;  // " ... (N bytes left out)"

/// How many bytes the valid UTF-8 character at the front has; 0 when the front byte is part of none.
std::size_t character_bytes(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  std::size_t size = first < 0x80                    ? 1
                     : first >= 0xC2 && first < 0xE0 ? 2
                     : first >= 0xE0 && first < 0xF0 ? 3
                     : first >= 0xF0 && first < 0xF5 ? 4
                                                     : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;  // too long for its value
  if (first == 0xED && byte(1) > 0x9F) return 0;  // a surrogate
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;  // beyond U+10FFFF
  return size;
}

bool is_control(std::string_view character) {
  unsigned char first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string escaped(std::string_view bytes) {
  if (bytes == "\n") return "\\n";
  if (bytes == "\r") return "\\r";
  if (bytes == "\t") return "\\t";
  std::string out;
  for (char byte : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return out;
}

}  // namespace

std::string escape_control(std::string_view text, std::size_t bytes_max) {
  std::string out;
  out.reserve(std::min(text.size() + 16, bytes_max));
  std::size_t cut_out = 0;   // where `out` ends if the text has to be cut
  std::size_t cut_text = 0;  // and how much of the text that is
  std::size_t position = 0;
  while (position < text.size()) {
    std::string_view rest = text.substr(position);
    std::size_t size = character_bytes(rest);
    std::string_view character = rest.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0 || is_control(character)) {
      out += escaped(character);
    } else {
      out += character;
    }
    position += character.size();
    if (out.size() <= bytes_max - kNoteBytes) {
      cut_out = out.size();
      cut_text = position;
    }
    if (out.size() > bytes_max) {
      out.resize(cut_out);
      out += fmt::format(" ... ({} bytes left out)", text.size() - cut_text);
      return out;
    }
  }
  return out;
}

}  // namespace weir::log

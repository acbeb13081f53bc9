#include "taskmanager/crash/memory_maps.h"

#include <algorithm>
#include <charconv>

namespace weir::taskmanager {
namespace {

// Takes the hexadecimal number at the front of `text` and the one character behind it.
bool take_hex(std::string_view& text, char behind, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end == text.data() + text.size() || *end != behind) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

bool take_word(std::string_view& text, std::string_view& word) {
  const auto space = text.find(' ');
  word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return !word.empty();
}

}  // namespace

bool parse_mapping(std::string_view line, Mapping& mapping) {
  std::string_view permissions;
  std::string_view device;
  std::string_view inode;
  if (!take_hex(line, '-', mapping.start) || !take_hex(line, ' ', mapping.end) || mapping.end <= mapping.start)
    return false;
  if (!take_word(line, permissions) || permissions.size() != 4) return false;
  if (!take_hex(line, ' ', mapping.file_offset)) return false;
  if (!take_word(line, device) || !take_word(line, inode)) return false;
  mapping.readable = permissions[0] == 'r';
  mapping.executable = permissions[2] == 'x';
  const auto path = line.find_first_not_of(' ');
  mapping.path = path == std::string_view::npos ? std::string() : std::string(line.substr(path));
  return true;
}

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> maps;
  while (!text.empty() && maps.size() < kMappingsMax) {
    const auto newline = text.find('\n');
    Mapping mapping;
    if (newline == std::string_view::npos || !parse_mapping(text.substr(0, newline), mapping)) break;
    maps.push_back(std::move(mapping));
    text.remove_prefix(newline + 1);
  }
  return maps;
}

const Mapping* find_mapping(const std::vector<Mapping>& maps, std::uint64_t address) {
  const auto after =
      std::upper_bound(maps.begin(), maps.end(), address,
                       [](std::uint64_t value, const Mapping& mapping) { return value < mapping.start; });
  if (after == maps.begin()) return nullptr;
  const Mapping& mapping = *(after - 1);
  return address >= mapping.start && address < mapping.end ? &mapping : nullptr;
}

std::uint64_t load_address(const std::vector<Mapping>& maps, const Mapping& mapping) {
  for (const auto& other : maps) {
    if (other.path == mapping.path && !other.path.empty()) return other.start - other.file_offset;
  }
  return mapping.start;
}

}  // namespace weir::taskmanager

// The text of /proc/<pid>/maps as values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::taskmanager {

/// Mappings beyond this many are left out.
inline constexpr std::size_t kMappingsMax = 16384;

struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;
  bool readable = false;
  bool executable = false;
  std::string path;  ///< empty for anonymous memory
};

/// One line, or nothing when it is not one. Lives on: any thread (pure).
bool parse_mapping(std::string_view line, Mapping& mapping);
/// All lines up to the first that does not parse.
std::vector<Mapping> parse_maps(std::string_view text);
/// The mapping that holds the address, or null. `maps` in the order of /proc, which is by address; else a mapping may
/// not be found.
const Mapping* find_mapping(const std::vector<Mapping>& maps, std::uint64_t address);
/// Where the file of a mapping starts in memory: offsets from here are what addr2line takes for a shared object.
std::uint64_t load_address(const std::vector<Mapping>& maps, const Mapping& mapping);

}  // namespace weir::taskmanager

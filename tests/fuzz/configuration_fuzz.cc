// Bytes of a configuration: the first says whether they are YAML, legacy lines or an environment variable. What is read
// is checked, and every value that an option of any type accepts must be accepted again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/config/check.h"
#include "common/config/load.h"
#include "common/config/options.h"

namespace {

weir::Result<weir::config::Loaded> parse(std::uint8_t kind, std::string_view text) {
  if (kind % 3 == 0) return weir::config::parse_yaml(text, "fuzz");
  if (kind % 3 == 1) return weir::config::parse_lines(text, "fuzz");
  return weir::config::parse_properties(text, "fuzz", {{"HOME", "/h"}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::config;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto loaded = parse(data[0], text);
  if (loaded.ok()) {
    for (const auto& [key, setting] : loaded->configuration.settings()) {
      if (key.empty() || setting.origin.empty()) std::abort();
    }
    if (loaded->configuration.settings().size() < 4) (void)check(loaded->configuration);
  }
  std::string_view value = text.substr(0, 200);
  for (const OptionGroup& group : option_groups()) {
    for (const OptionEntry& entry : group.options) (void)entry.validate(*entry.option, value);
  }
  if (auto span = parse_duration(value); span && parse_duration(to_text(*span)) != span) std::abort();
  if (auto bytes = parse_memory_size(value); bytes && parse_memory_size(to_text(*bytes)) != bytes) std::abort();
  if (auto ports = parse_port_range(value); ports && parse_port_range(to_text(*ports)) != ports) std::abort();
  return 0;
}

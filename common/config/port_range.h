// Ports a listener may take, as Flink's configuration writes them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

/// Ports to try in the order written, until one is free. 0 asks the system for any.
struct PortRange {
  struct Span {
    std::uint16_t first = 0;
    std::uint16_t last = 0;  ///< included
    auto operator<=>(const Span&) const = default;
  };
  std::vector<Span> spans;  ///< at least one

  /// Every port in the order to try; at most 65,536 per span.
  std::vector<std::uint16_t> ports() const;
  auto operator<=>(const PortRange&) const = default;
};

/// One port as a range.
PortRange single_port(std::uint16_t port);
/// Reads "0", "6124" or "50100-50200,50300,0". Nothing when a part is no port or a span runs backwards.
std::optional<PortRange> parse_port_range(std::string_view text);
/// As it was written, without blanks.
std::string to_text(const PortRange& range);

}  // namespace weir::config

#include "common/config/port_range.h"

#include "common/config/value.h"
#include "common/config/words.h"

namespace weir::config {

std::vector<std::uint16_t> PortRange::ports() const {
  std::vector<std::uint16_t> all;
  for (const Span& span : spans) {
    for (std::uint32_t port = span.first; port <= span.last; ++port) all.push_back(static_cast<std::uint16_t>(port));
  }
  return all;
}

PortRange single_port(std::uint16_t port) {
  PortRange range;
  range.spans.push_back({port, port});
  return range;
}

std::optional<PortRange> parse_port_range(std::string_view text) {
  PortRange range;
  for (std::string_view part : split(text, ',')) {
    part = trimmed(part);
    std::size_t dash = part.find('-');
    std::optional<std::uint16_t> first = Value<std::uint16_t>::parse(trimmed(part.substr(0, dash)));
    std::optional<std::uint16_t> last =
        dash == std::string_view::npos ? first : Value<std::uint16_t>::parse(trimmed(part.substr(dash + 1)));
    if (!first || !last || *last < *first) return std::nullopt;
    range.spans.push_back({*first, *last});
  }
  return range;
}

std::string to_text(const PortRange& range) {
  std::string text;
  for (const PortRange::Span& span : range.spans) {
    if (!text.empty()) text += ',';
    text += std::to_string(span.first);
    if (span.last != span.first) text += "-" + std::to_string(span.last);
  }
  return text;
}

}  // namespace weir::config

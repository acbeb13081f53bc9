#include "common/config/value.h"

#include <charconv>
#include <cmath>

#include "common/config/words.h"
#include "common/config/yaml_text.h"

namespace weir::config {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Splits at `separator` outside quotes; 'it''s' is one part with a quote in it. Nothing when a quote has no end or
/// text stands beside a quoted part.
std::optional<std::vector<std::string>> split_quoted(std::string_view text, char separator, bool keep_quotes) {
  std::vector<std::string> parts;
  std::string part;
  char quote = 0;
  bool ended = false;  // a quoted part is complete
  for (std::size_t i = 0; i < text.size(); ++i) {
    char letter = text[i];
    if (quote != 0) {
      if (keep_quotes) part += letter;
      if (letter != quote) {
        if (!keep_quotes) part += letter;
      } else if (i + 1 < text.size() && text[i + 1] == quote) {
        part += text[++i];
      } else {
        quote = 0;
        ended = true;
      }
    } else if (letter == separator) {
      parts.push_back(ended ? std::move(part) : std::string(trimmed(part)));
      part.clear();
      ended = false;
    } else if ((letter == '\'' || letter == '"') && (keep_quotes || trimmed(part).empty()) && !ended) {
      if (!keep_quotes) part.clear();
      quote = letter;
      if (keep_quotes) part += letter;
    } else if (ended && !keep_quotes) {
      if (letter != ' ' && letter != '\t') return std::nullopt;
    } else {
      part += letter;
      if (keep_quotes) ended = false;
    }
  }
  if (quote != 0) return std::nullopt;
  parts.push_back(ended ? std::move(part) : std::string(trimmed(part)));
  return parts;
}

}  // namespace

std::string Value<bool>::forms() { return "true or false"; }
std::optional<bool> Value<bool>::parse(std::string_view text) {
  std::string word = lower(text);
  if (word == "true") return true;
  if (word == "false") return false;
  return std::nullopt;
}

std::string Value<int>::forms() { return "a whole number between -2147483648 and 2147483647"; }
std::optional<int> Value<int>::parse(std::string_view text) { return parse_number<int>(text); }

std::string Value<std::uint16_t>::forms() { return "a port: a whole number between 0 and 65535"; }
std::optional<std::uint16_t> Value<std::uint16_t>::parse(std::string_view text) {
  return parse_number<std::uint16_t>(text);
}

std::string Value<double>::forms() { return "a number such as 0.5"; }
std::optional<double> Value<double>::parse(std::string_view text) {
  std::optional<double> number = parse_number<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::string Value<std::string>::forms() { return "text"; }
std::optional<std::string> Value<std::string>::parse(std::string_view text) { return std::string(text); }

std::string Value<Duration>::forms() {
  return "a duration: a whole number and one of ns, us, ms, s, min, h, d (without a unit: ms), such as 500 ms or 1 min";
}
std::optional<Duration> Value<Duration>::parse(std::string_view text) { return parse_duration(text); }

std::string Value<ByteCount>::forms() {
  return "a memory size: a whole number and one of b, kb, mb, gb, tb (without a unit: bytes), such as 1728m or 4 gb";
}
std::optional<ByteCount> Value<ByteCount>::parse(std::string_view text) { return parse_memory_size(text); }

std::string Value<PortRange>::forms() {
  return "ports: numbers between 0 and 65535 and ranges of them separated by commas, such as 6124 or 50100-50200,0";
}
std::optional<PortRange> Value<PortRange>::parse(std::string_view text) { return parse_port_range(text); }

std::string Value<List>::forms() { return "a list: items separated by semicolons, such as a;b, or [a, b]"; }
std::optional<List> Value<List>::parse(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return List();
  if (text.starts_with('[')) return text.ends_with(']') ? parse_flow_list(text) : std::nullopt;
  std::optional<List> items = split_quoted(text, ';', false);
  if (items) std::erase(*items, std::string());
  return items;
}

std::string Value<Map>::forms() { return "a map: pairs separated by commas, such as a:1,b:2, or {a: 1, b: 2}"; }
std::optional<Map> Value<Map>::parse(std::string_view text) {
  text = trimmed(text);
  Map map;
  if (text.empty()) return map;
  if (text.starts_with('{')) return text.ends_with('}') ? parse_flow_map(text) : std::nullopt;
  std::optional<std::vector<std::string>> pairs = split_quoted(text, ',', true);
  if (!pairs) return std::nullopt;
  for (const std::string& pair : *pairs) {
    std::optional<std::vector<std::string>> sides = split_quoted(pair, ':', false);
    if (!sides || sides->size() < 2 || sides->front().empty()) return std::nullopt;
    std::string value = sides->at(1);
    for (std::size_t i = 2; i < sides->size(); ++i) value += ":" + sides->at(i);  // a URL needs no quotes
    if (!map.emplace(sides->front(), std::move(value)).second) return std::nullopt;
  }
  return map;
}

bool same_name(std::string_view a, std::string_view b) {
  auto plain = [](std::string_view name) {
    std::string out = lower(name);
    for (char& letter : out) {
      if (letter == '-') letter = '_';
    }
    return out;
  };
  return plain(a) == plain(b);
}

std::string one_of(const std::vector<std::pair<std::string_view, int>>& names) {
  std::string text;
  std::vector<int> shown;
  for (const auto& [name, value] : names) {
    bool alias = false;
    for (int one : shown) alias = alias || one == value;
    if (alias) continue;
    text += (text.empty() ? "" : ", ") + std::string(name);
    shown.push_back(value);
  }
  return (shown.size() == 1 ? "" : "one of ") + text;
}

}  // namespace weir::config

// The types an option can have: their names, the forms they accept, and how their text is read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/config/duration.h"
#include "common/config/memory_size.h"
#include "common/config/port_range.h"

namespace weir::config {

using List = std::vector<std::string>;
using Map = std::map<std::string, std::string>;

/// What an option of type T accepts. Each has: `kName`, the type's name in documents; `forms()`, the words after "is
/// not"; `parse(text)`, nothing when the text is no such value.
template <class T>
struct Value;

template <>
struct Value<bool> {
  static constexpr std::string_view kName = "Boolean";
  static std::string forms();
  static std::optional<bool> parse(std::string_view text);
};

template <>
struct Value<int> {
  static constexpr std::string_view kName = "Integer";
  static std::string forms();
  static std::optional<int> parse(std::string_view text);
};

/// A port.
template <>
struct Value<std::uint16_t> {
  static constexpr std::string_view kName = "Port";
  static std::string forms();
  static std::optional<std::uint16_t> parse(std::string_view text);
};

template <>
struct Value<double> {
  static constexpr std::string_view kName = "Double";
  static std::string forms();
  static std::optional<double> parse(std::string_view text);
};

template <>
struct Value<std::string> {
  static constexpr std::string_view kName = "String";
  static std::string forms();
  static std::optional<std::string> parse(std::string_view text);
};

template <>
struct Value<Duration> {
  static constexpr std::string_view kName = "Duration";
  static std::string forms();
  static std::optional<Duration> parse(std::string_view text);
};

template <>
struct Value<ByteCount> {
  static constexpr std::string_view kName = "MemorySize";
  static std::string forms();
  static std::optional<ByteCount> parse(std::string_view text);
};

template <>
struct Value<PortRange> {
  static constexpr std::string_view kName = "Ports";
  static std::string forms();
  static std::optional<PortRange> parse(std::string_view text);
};

/// `a;b`, items with a semicolon in 'quotes'; or YAML's `[a, b]`.
template <>
struct Value<List> {
  static constexpr std::string_view kName = "List";
  static std::string forms();
  static std::optional<List> parse(std::string_view text);
};

/// `key:value,key:value`, parts with a comma or colon in 'quotes'; or YAML's `{key: value}`. A key given twice is
/// refused.
template <>
struct Value<Map> {
  static constexpr std::string_view kName = "Map";
  static std::string forms();
  static std::optional<Map> parse(std::string_view text);
};

/// Specialise with `static constexpr std::pair<std::string_view, E> kAll[]`: every accepted name; the first name of an
/// enumerator is the one that documents show. Case does not matter, nor do - and _.
template <class E>
struct EnumNames;

/// Whether two names are the same but for case and - against _.
bool same_name(std::string_view a, std::string_view b);
/// "one of A, B, C" from the names, aliases left out.
std::string one_of(const std::vector<std::pair<std::string_view, int>>& names);

template <class T>
requires std::is_enum_v<T>
struct Value<T> {
  static constexpr std::string_view kName = "Enum";
  static std::string forms() {
    std::vector<std::pair<std::string_view, int>> names;
    for (const auto& [name, value] : EnumNames<T>::kAll) names.emplace_back(name, static_cast<int>(value));
    return one_of(names);
  }
  static std::optional<T> parse(std::string_view text) {
    for (const auto& [name, value] : EnumNames<T>::kAll) {
      if (same_name(name, text)) return value;
    }
    return std::nullopt;
  }
};

}  // namespace weir::config

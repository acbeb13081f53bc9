// YAML as configuration files use it: nested or flat maps of scalars and lists.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/value.h"
#include "weir/result.h"

namespace weir::config {

/// One value of a file.
struct Line {
  std::string key;        ///< the names of the nested maps joined by dots
  std::string value;      ///< a scalar as written, without its quotes; a list as `[a, b]`
  int line = 0;           ///< where the key stands, from 1
  bool has_value = true;  ///< false for `key:` and `key: ~`
};

/// The values of a YAML document, in its order, duplicates included.
/// Limits: nesting of 64, 10,000 keys; anchors count as often as they are used.
/// Errors: invalid_argument with `name:line: ` in front, when it is no YAML, no map, or holds several documents.
Result<std::vector<Line>> flatten_yaml(std::string_view text, const std::string& name);

/// The items of `[a, "b, c"]`; nothing when it is no flat list.
std::optional<List> parse_flow_list(std::string_view text);
/// The pairs of `{a: 1, b: 2}`; nothing when it is no flat map, or a key occurs twice.
std::optional<Map> parse_flow_map(std::string_view text);

}  // namespace weir::config

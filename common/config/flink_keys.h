// The keys of Flink 1.13 to 2.3, so that a configuration brought along is understood even where a key has no effect
// here.
#pragma once

#include <span>
#include <string_view>

namespace weir::config {

/// All fixed keys, sorted.
std::span<const std::string_view> flink_keys();
/// Whether Flink, or its Kubernetes operator, has such a key: a fixed one, or one below a prefix with free names.
bool is_flink_key(std::string_view key);

}  // namespace weir::config

// What one option is: a key with a type, a default, bounds and a reason. The table of all of them is options.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/value.h"
#include "weir/result.h"

namespace weir::config {

/// The part of an option that does not depend on its type. Values are written as a person writes them in the file, so
/// that the document, the error message and the program read the same text.
struct OptionText {
  std::string_view key;
  std::optional<std::string_view> fallback = std::nullopt;  ///< the default; none means "not set"
  std::string_view about;                                   ///< what it does, one or two sentences
  std::optional<std::string_view> flink = std::nullopt;     ///< Flink's default, where this one differs
  std::string_view because = {};                            ///< why it differs
  std::optional<std::string_view> least = std::nullopt;     ///< the smallest accepted value
  std::optional<std::string_view> most = std::nullopt;      ///< the largest accepted value
  bool secret = false;                                      ///< shown as ****** everywhere
  std::array<std::string_view, 3> old_keys = {};            ///< older names that Flink still accepts
  bool inert = false;  ///< checked, but nothing in this version acts on it: setting it is a warning
};

/// inline constexpr Option<Duration> kHeartbeatInterval{{.key = "heartbeat.interval", .fallback = "1 s", ...}};
template <class T>
struct Option : OptionText {
  using Type = T;
};

/// "key: "12x" is not a port: a whole number ...", without the text when the option is secret.
Error wrong_value(const OptionText& option, std::string_view text, const std::string& reason);

/// Reads `text` as the option's type and within its bounds.
/// Errors: invalid_argument, one sentence that names the key, the value and the accepted forms.
template <class T>
Result<T> parse_as(const Option<T>& option, std::string_view text) {
  std::optional<T> value = Value<T>::parse(text);
  if (!value) return wrong_value(option, text, "is not " + Value<T>::forms());
  if (option.least && *value < *Value<T>::parse(*option.least)) {
    return wrong_value(option, text, "is too small: at least " + std::string(*option.least));
  }
  if (option.most && *Value<T>::parse(*option.most) < *value) {
    return wrong_value(option, text, "is too large: at most " + std::string(*option.most));
  }
  return std::move(*value);
}

}  // namespace weir::config

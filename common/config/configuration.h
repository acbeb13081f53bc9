// The settings of a process or a job: what was written, where it was written, and what it means.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/option.h"
#include "weir/result.h"

namespace weir::config {

/// One thing that somebody set.
struct Setting {
  std::string value;
  std::string origin;   ///< "conf/config.yaml:12", "WEIR_PROPERTIES:3", "-D", "submission"
  std::string written;  ///< the key as written, which may be an old one
};

/// Keys with their values and origins. A value type; any thread may read its own copy. Keys are stored under their
/// present names. Later settings of a key replace earlier ones.
class Configuration {
 public:
  /// Sets `key` (or the option of which it is an old key).
  void set(std::string_view key, std::string value, std::string origin);
  /// Takes over every setting of `later`.
  void merge(const Configuration& later);

  /// The value of an option: as set, else its default.
  /// Errors: invalid_argument with origin and key when the text is no such value; not_found when the option is not set
  /// and has no default (use `find` for those).
  template <class T>
  Result<T> get(const Option<T>& option) const {
    Result<std::optional<T>> found = find(option);
    if (!found.ok()) return found.error();
    if (!found.value()) return not_set(option);
    return std::move(*found.value());
  }

  /// The same for options without a default: nothing when it is not set.
  template <class T>
  Result<std::optional<T>> find(const Option<T>& option) const {
    std::optional<std::string> text = text_of(option);
    if (!text) return std::optional<T>();
    Result<T> value = parse_as(option, *text);
    if (!value.ok()) return placed(value.error(), option.key);
    return std::optional<T>(std::move(value).value());
  }

  /// A map: what is set under its own key and under `key.name`, the latter wins.
  Result<std::optional<Map>> find(const Option<Map>& option) const;

  /// Whether somebody set the option.
  bool has(const OptionText& option) const { return settings_.contains(std::string(option.key)); }
  /// The text set for a key; nothing when nobody set it.
  std::optional<std::string_view> raw(std::string_view key) const;
  /// The error with the place in front where the key was set; as it is when nobody set it.
  Error placed(const Error& error, std::string_view key) const;
  /// Everything that was set, by key.
  const std::map<std::string, Setting>& settings() const { return settings_; }
  /// The settings that belong to jobs.
  Configuration job_part() const;
  /// Keys and values fit to be shown: secrets are ******.
  std::vector<std::pair<std::string, std::string>> shown() const;

 private:
  std::optional<std::string> text_of(const OptionText& option) const;
  static Error not_set(const OptionText& option);

  std::map<std::string, Setting> settings_;
};

/// What a secret is shown as.
inline constexpr std::string_view kRedacted = "******";

}  // namespace weir::config

#include "common/config/configuration.h"

#include <fmt/format.h>

#include "common/config/options.h"

namespace weir::config {

void Configuration::set(std::string_view key, std::string value, std::string origin) {
  settings_[canonical_key(key)] = Setting{std::move(value), std::move(origin), std::string(key)};
}

void Configuration::merge(const Configuration& later) {
  for (const auto& [key, setting] : later.settings_) settings_[key] = setting;
}

Result<std::optional<Map>> Configuration::find(const Option<Map>& option) const {
  std::optional<Map> map;
  if (std::optional<std::string> text = text_of(option)) {
    Result<Map> value = parse_as(option, *text);
    if (!value.ok()) return placed(value.error(), option.key);
    map = std::move(value).value();
  }
  std::string prefix = std::string(option.key) + ".";
  for (auto one = settings_.lower_bound(prefix); one != settings_.end() && one->first.starts_with(prefix); ++one) {
    if (!map) map.emplace();
    (*map)[one->first.substr(prefix.size())] = one->second.value;
  }
  return map;
}

std::optional<std::string_view> Configuration::raw(std::string_view key) const {
  auto found = settings_.find(canonical_key(key));
  if (found == settings_.end()) return std::nullopt;
  return found->second.value;
}

Configuration Configuration::job_part() const {
  Configuration part;
  for (const auto& [key, setting] : settings_) {
    if (is_job_key(key)) part.settings_.emplace(key, setting);
  }
  return part;
}

std::vector<std::pair<std::string, std::string>> Configuration::shown() const {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, setting] : settings_) {
    pairs.emplace_back(key, is_secret_key(key) ? std::string(kRedacted) : setting.value);
  }
  return pairs;
}

std::optional<std::string> Configuration::text_of(const OptionText& option) const {
  auto found = settings_.find(std::string(option.key));
  if (found != settings_.end()) return found->second.value;
  if (option.fallback) return std::string(*option.fallback);
  return std::nullopt;
}

Error Configuration::placed(const Error& error, std::string_view key) const {
  auto found = settings_.find(std::string(key));
  return found == settings_.end() ? error : error.within(found->second.origin);
}

Error Configuration::not_set(const OptionText& option) {
  return Error::user(ErrorCode::not_found, fmt::format("{} is not set and has no default", option.key));
}

}  // namespace weir::config

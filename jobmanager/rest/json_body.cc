#include "jobmanager/rest/json_body.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/base/text.h"

namespace weir::jobmanager::rest {

namespace {

namespace json = boost::json;

constexpr std::size_t kNameBytesShown = 80;

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

/// Without hyphens and underscores, in lower case.
std::string folded(std::string_view name) {
  std::string text;
  for (const char letter : name) {
    if (letter == '-' || letter == '_') continue;
    text.push_back(letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter);
  }
  return text;
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> whole_number(const json::value& value) {
  if (const std::int64_t* number = value.if_int64()) return *number;
  if (const json::string* text = value.if_string()) return whole_number(without_blanks(*text));
  return std::nullopt;
}

}  // namespace

std::string_view meant_name(std::string_view name, std::span<const std::string_view> known) {
  for (const std::string_view candidate : known)
    if (folded(candidate) == folded(name)) return candidate;
  return nearest(name, known);
}

Error JsonBody::mismatch(std::string_view why) const {
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("Request did not match expected format {}: {}.", format_, why));
}

Result<JsonBody> JsonBody::parse(std::string_view format, std::string_view text) {
  JsonBody body(format, {});
  if (without_blanks(text).empty()) return body;
  boost::system::error_code error;
  json::value value = json::parse(view(text), error);
  if (error) return body.mismatch(fmt::format("the body is not JSON ({})", error.message()));
  if (!value.is_object()) return body.mismatch("the body is not a JSON object");
  body.fields_ = std::move(value.get_object());
  return body;
}

const json::value* JsonBody::find(std::string_view name) const {
  const json::value* value = fields_.if_contains(view(name));
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::optional<std::string>> JsonBody::text(std::string_view name) const {
  const json::value* value = find(name);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return mismatch(fmt::format("\"{}\" is not a text", name));
  return std::optional<std::string>(value->get_string());
}

Result<std::optional<std::int64_t>> JsonBody::number(std::string_view name, std::int64_t least,
                                                     std::int64_t most) const {
  const json::value* value = find(name);
  if (value == nullptr || (value->is_string() && without_blanks(value->get_string()).empty()))
    return std::optional<std::int64_t>();
  const auto number = whole_number(*value);
  if (!number || *number < least || *number > most)
    return mismatch(fmt::format("\"{}\" is not a whole number from {} to {}", name, least, most));
  return number;
}

Result<std::optional<bool>> JsonBody::flag(std::string_view name) const {
  const json::value* value = find(name);
  if (value == nullptr) return std::optional<bool>();
  if (const bool* flag = value->if_bool()) return std::optional<bool>(*flag);
  const std::string text = value->is_string() ? folded(without_blanks(value->get_string())) : std::string("?");
  if (text.empty()) return std::optional<bool>();
  if (text != "true" && text != "false") return mismatch(fmt::format("\"{}\" is neither true nor false", name));
  return std::optional<bool>(text == "true");
}

Result<std::optional<std::vector<std::string>>> JsonBody::texts(std::string_view name) const {
  using Texts = std::optional<std::vector<std::string>>;
  const json::value* value = find(name);
  if (value == nullptr) return Texts();
  const json::array* list = value->if_array();
  if (list == nullptr || !std::all_of(list->begin(), list->end(), [](const auto& one) { return one.is_string(); }))
    return mismatch(fmt::format("\"{}\" is not a list of texts", name));
  std::vector<std::string> texts;
  for (const json::value& one : *list) texts.emplace_back(one.get_string());
  return Texts(std::move(texts));
}

Result<std::optional<std::map<std::string, std::string>>> JsonBody::settings(std::string_view name) const {
  using Settings = std::optional<std::map<std::string, std::string>>;
  const json::value* value = find(name);
  if (value == nullptr) return Settings();
  if (!value->is_object()) return mismatch(fmt::format("\"{}\" is not an object of texts", name));
  std::map<std::string, std::string> settings;
  for (const auto& [key, setting] : value->get_object()) {
    if (!setting.is_string())
      return mismatch(fmt::format("\"{}\" has no text at \"{}\"", name, printable(std::string(key), kNameBytesShown)));
    settings[std::string(key)] = std::string(setting.get_string());
  }
  return Settings(std::move(settings));
}

Result<std::vector<std::string>> JsonBody::unknown_fields(std::span<const std::string_view> known) const {
  std::vector<std::string> sentences;
  for (const auto& [key, value] : fields_) {
    const std::string_view name(key.data(), key.size());
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string shown = printable(std::string(name), kNameBytesShown);
    if (const std::string_view meant = meant_name(name, known); !meant.empty())
      return mismatch(fmt::format("there is no field \"{}\"; did you mean \"{}\"?", shown, meant));
    sentences.push_back(fmt::format("the body's field \"{}\" is not known and has no effect; {} has {}", shown, format_,
                                    fmt::join(known, ", ")));
  }
  return sentences;
}

}  // namespace weir::jobmanager::rest

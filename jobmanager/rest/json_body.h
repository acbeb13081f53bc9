// The JSON object in the body of a request. Pure.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"

namespace weir::jobmanager::rest {

/// A body, read field by field. A field that is null counts as not given.
/// Lives on: any thread (a value). Included by .cc files only.
/// Errors of all: invalid_argument that names the format and the field.
class JsonBody {
 public:
  /// An empty text counts as {}. Errors: what is no JSON object.
  /// @param format  Flink's name of the body, for messages: "JarRunRequestBody"
  static Result<JsonBody> parse(std::string_view format, std::string_view text);

  Result<std::optional<std::string>> text(std::string_view name) const;
  /// A whole number in [least, most], written as a number or as text; an empty text counts as not given.
  Result<std::optional<std::int64_t>> number(std::string_view name, std::int64_t least, std::int64_t most) const;
  /// true or false, written as such or as text.
  Result<std::optional<bool>> flag(std::string_view name) const;
  Result<std::optional<std::vector<std::string>>> texts(std::string_view name) const;
  /// An object of texts.
  Result<std::optional<std::map<std::string, std::string>>> settings(std::string_view name) const;

  /// A sentence for each field that is not among `known`, and so has no effect.
  /// Errors: a field whose name is a slip of a known one ("entry-class", "paralelism"), with "did you mean".
  Result<std::vector<std::string>> unknown_fields(std::span<const std::string_view> known) const;

  Error mismatch(std::string_view why) const;

 private:
  JsonBody(std::string_view format, boost::json::object fields) : format_(format), fields_(std::move(fields)) {}
  const boost::json::value* find(std::string_view name) const;

  std::string_view format_;
  boost::json::object fields_;
};

/// The known name that `name` is probably meant to be: equal but for case, hyphens and underscores, or near; empty for
/// none.
std::string_view meant_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace weir::jobmanager::rest

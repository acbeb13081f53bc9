#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/result.h"

namespace weir::http {

/// Names and values of a query, in the order they came; a name may stand several times.
/// Lives on: any thread (a value).
class Query {
 public:
  /// Splits "a=1&b=x+y&a=2": '&' and ';' part the pairs, '+' is a space, %XX is a byte. A name without '=' has the
  /// empty value. Errors: invalid_argument for a broken %-sequence or more than 1,000 pairs.
  static Result<Query> parse(std::string_view text);

  /// The first value of a name, or nothing.
  std::optional<std::string_view> find(std::string_view name) const;
  /// Every value of a name, in order.
  std::vector<std::string_view> all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// What stands in a request line between method and version, taken apart. Lives on: any thread (a value).
struct Target {
  std::string path;                   ///< decoded, as the client wrote it: "/v1/jobs/"
  std::vector<std::string> segments;  ///< decoded pieces between slashes, without empty ones; "/v1" stays
  Query query;

  /// Takes "/path?query", or "http://host/path?query" as proxies send it, apart. A '%2F' stays inside its segment.
  /// Errors: invalid_argument for a target that starts with neither, a broken %-sequence, or a zero byte.
  static Result<Target> parse(std::string_view text);
};

/// Replaces %XX by the byte and, where asked, '+' by a space.
/// Errors: invalid_argument for a '%' without two hexadecimal digits after it.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// Writes every byte outside A-Z a-z 0-9 - . _ ~ as %XX.
std::string percent_encode(std::string_view text);

}  // namespace weir::http

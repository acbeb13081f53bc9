#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/target.h"

namespace weir::http {

/// Finds the route of a request by method and path.
/// Lives on: any thread once filled; filled by its owner before the first request.
/// Promises Flink's rules: every path is known with and without "/v1" in front, slashes at either end and doubled ones
/// do not count, a fixed piece of a path wins over a parameter, and HEAD finds what GET finds.
class Router {
 public:
  /// What came of a search.
  struct Match {
    enum class Outcome { found, no_such_path, no_such_method };
    Outcome outcome = Outcome::no_such_path;
    int route = -1;  ///< the number given to add()
    std::vector<std::pair<std::string, std::string>>
        parameters;                    ///< ":name" of the pattern -> decoded piece of the path
    std::vector<std::string> allowed;  ///< methods that the path knows, where the method is wrong

    /// The value of a parameter of the pattern; ENSUREs that the pattern has it.
    const std::string& parameter(std::string_view name) const;
  };

  /// Adds a route. A pattern is "/jobs/:jobid/vertices/:vertexid", without "/v1". ENSUREs that the pair is new.
  /// @param route  a number of the caller's choice, at least 0
  void add(std::string_view method, std::string_view pattern, int route);

  /// The route of a request.
  /// @param method  as it stands in the request line: "GET"
  Match match(std::string_view method, const Target& target) const;

 private:
  struct Entry {
    std::vector<std::string> segments;                // ":name" is a parameter
    std::vector<std::pair<std::string, int>> routes;  // method -> route
  };

  const Entry* find_path(const std::string* first, std::size_t count) const;

  std::vector<Entry> entries_;
};

}  // namespace weir::http

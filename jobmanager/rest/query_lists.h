// Lists in a query: names, and ranges of numbers. Pure. Each has a bound, so that a request is no reason to take memory
// or time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/target.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

/// Items of one list parameter, over all its occurrences.
inline constexpr std::size_t kListItemsMax = 1'000;
/// Numbers in a range are below it.
inline constexpr int kIndexMax = 32'768;

/// The items of a comma-separated parameter, empty ones left out; nothing when it is not given.
/// Errors: invalid_argument for more than kListItemsMax items.
Result<std::optional<std::vector<std::string>>> list_of(const http::Query& query, std::string_view name);

/// Some numbers of [0, kIndexMax), kept as ranges.
class IndexSet {
 public:
  /// @param ranges  first and last of each, both included; in any order, overlapping or not
  explicit IndexSet(std::vector<std::pair<int, int>> ranges);

  bool contains(int index) const;
  /// Disjoint, ascending, and not adjacent.
  const std::vector<std::pair<int, int>>& ranges() const { return ranges_; }

 private:
  std::vector<std::pair<int, int>> ranges_;
};

/// The numbers of a parameter such as "0,2-4"; nothing when it is not given.
/// Errors: invalid_argument for an item that is no range in [0, kIndexMax); those of list_of.
Result<std::optional<IndexSet>> indices_of(const http::Query& query, std::string_view name);

}  // namespace weir::jobmanager::rest

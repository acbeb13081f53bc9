#include "jobmanager/rest/query_lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/base/try.h"
#include "jobmanager/rest/parameters.h"

namespace weir::jobmanager::rest {

namespace {

/// "7" or "2-4".
std::optional<std::pair<int, int>> range_of(std::string_view item) {
  int first = 0;
  const char* const end = item.data() + item.size();
  auto read = std::from_chars(item.data(), end, first);
  int last = first;
  if (read.ec == std::errc() && read.ptr < end && *read.ptr == '-') read = std::from_chars(read.ptr + 1, end, last);
  if (read.ec != std::errc() || read.ptr != end || first < 0 || last < first || last >= kIndexMax) return std::nullopt;
  return std::pair(first, last);
}

}  // namespace

Result<std::optional<std::vector<std::string>>> list_of(const http::Query& query, std::string_view name) {
  using List = std::optional<std::vector<std::string>>;
  if (!query.find(name)) return List();
  std::vector<std::string> items;
  for (const std::string_view value : query.all(name)) {
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t end = std::min(value.find(',', at), value.size());
      if (end > at) {
        if (items.size() == kListItemsMax) {
          return Error::user(ErrorCode::invalid_argument,
                             fmt::format("Bad request: query parameter ({}) lists more than {} items; ask in parts.",
                                         name, kListItemsMax));
        }
        items.emplace_back(value.substr(at, end - at));
      }
      at = end + 1;
    }
  }
  return List(std::move(items));
}

IndexSet::IndexSet(std::vector<std::pair<int, int>> ranges) {
  std::sort(ranges.begin(), ranges.end());
  for (const auto& [first, last] : ranges) {
    if (!ranges_.empty() && first <= ranges_.back().second + 1) {
      ranges_.back().second = std::max(ranges_.back().second, last);
    } else {
      ranges_.emplace_back(first, last);
    }
  }
}

bool IndexSet::contains(int index) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), index,
                                      [](int number, const auto& range) { return number < range.first; });
  return after != ranges_.begin() && index <= std::prev(after)->second;
}

Result<std::optional<IndexSet>> indices_of(const http::Query& query, std::string_view name) {
  TRY(const auto items, list_of(query, name));
  if (!items) return std::optional<IndexSet>();
  std::vector<std::pair<int, int>> ranges;
  for (const std::string& item : *items) {
    const auto range = range_of(item);
    if (!range) return bad_query_parameter(name, item);
    ranges.push_back(*range);
  }
  return std::optional<IndexSet>(IndexSet(std::move(ranges)));
}

}  // namespace weir::jobmanager::rest

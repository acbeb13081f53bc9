// What is kept per fingerprint.
#pragma once

#include <algorithm>
#include <cstdint>

namespace slow_query_log {

/// Sums that do not overflow: at the end of their range they stay there. Whole microseconds, so that the order of
/// additions does not show.
struct Totals {
  std::uint64_t count = 0;
  std::int64_t total_us = 0;
  std::int64_t max_us = 0;
  std::uint64_t rows_examined = 0;

  void add(std::int64_t query_time_us, std::uint64_t rows) {
    ++count;
    if (__builtin_add_overflow(total_us, query_time_us, &total_us)) total_us = INT64_MAX;
    max_us = std::max(max_us, query_time_us);
    if (__builtin_add_overflow(rows_examined, rows, &rows_examined)) rows_examined = UINT64_MAX;
  }

  friend bool operator==(const Totals&, const Totals&) = default;
};

}  // namespace slow_query_log

// Times as Flink writes them. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/async/clock.h"

namespace weir::jobmanager::rest {

/// Flink's number for what has not happened.
inline constexpr std::int64_t kNever = -1;

/// Milliseconds since 1970-01-01 UTC.
inline std::int64_t millis(WallTime time) { return time.time_since_epoch().count(); }
inline std::int64_t millis_or(const std::optional<WallTime>& time, std::int64_t otherwise) {
  return time ? millis(*time) : otherwise;
}

}  // namespace weir::jobmanager::rest

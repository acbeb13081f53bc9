// Time of events and of the machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace weir {

/// Milliseconds since 1970-01-01 UTC. The time in a record, a watermark or a timer.
using EventTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// No record has this time or a later one: the last watermark of an input that has ended.
inline constexpr EventTime kEndOfTime{std::chrono::milliseconds{std::numeric_limits<std::int64_t>::max()}};
/// Before any record: an input's watermark at its start.
inline constexpr EventTime kBeginningOfTime{std::chrono::milliseconds{std::numeric_limits<std::int64_t>::min()}};

constexpr std::int64_t to_ms(EventTime time) { return time.time_since_epoch().count(); }
constexpr EventTime from_ms(std::int64_t ms) { return EventTime{std::chrono::milliseconds{ms}}; }

}  // namespace weir

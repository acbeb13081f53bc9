// Spans of time as Flink's configuration writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::config {

/// A span of time; what clocks and Asio's steady timers take without a cast.
using Duration = std::chrono::nanoseconds;

/// Reads a span of time: a whole number and a unit, blanks allowed, unit in any case.
/// Units: ns us ms s min (m) h d, and Flink's long names (nano, micro, milli, sec, second, minute, hour, day, each also
/// in the plural; millisecond and the like). No unit means milliseconds.
/// @return nothing when the text is none, or longer than 292 years
std::optional<Duration> parse_duration(std::string_view text);

/// The shortest way to write `span` that parses to the same value: "1 min", "1500 ms".
std::string to_text(Duration span);

}  // namespace weir::config

// What tasks count. Pure values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/async/clock.h"

namespace weir::jobmanager {

/// What a task has counted since it was started.
struct TaskCounters {
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t blocks_in = 0;
  std::uint64_t blocks_out = 0;
  std::uint64_t input_queued = 0;  ///< blocks that wait in the incoming channels, of input_window at most
  std::uint64_t input_window = 0;
  std::uint64_t output_queued = 0;  ///< blocks in the outgoing channels, of output_window at most
  std::uint64_t output_window = 0;
  std::uint64_t busy_ms = 0;
  std::uint64_t idle_ms = 0;
  std::uint64_t backpressured_ms = 0;
  std::map<std::string, std::uint64_t> user;  ///< of user functions and connectors, by "<operator>.<name>"
  std::map<std::string, double> gauges;       ///< by "<operator>.<name>"; they belong to one task and have no sum

  /// Adds another task's numbers, gauges excepted.
  TaskCounters& operator+=(const TaskCounters& other);
};

/// What a task did per second.
struct TaskRates {
  double records_in = 0;
  double records_out = 0;
  double bytes_in = 0;
  double bytes_out = 0;
  double blocks_in = 0;
  double blocks_out = 0;
  double busy_ms = 0;  ///< these three are at most 1,000
  double idle_ms = 0;
  double backpressured_ms = 0;
};

/// Rates between two reports of one task. All are 0 when no time lies between them; a number that shrank counts as 0.
TaskRates rates_between(const TaskCounters& earlier, WallTime earlier_at, const TaskCounters& last, WallTime last_at);

}  // namespace weir::jobmanager

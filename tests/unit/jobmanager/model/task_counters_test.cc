#include "jobmanager/model/task_counters.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

WallTime at(int ms) { return WallTime(std::chrono::milliseconds(ms)); }

TEST_CASE("task_counters: a total has every number of its tasks, and no gauge") {
  TaskCounters one;
  one.records_in = 1;
  one.records_out = 2;
  one.bytes_in = 3;
  one.bytes_out = 4;
  one.blocks_in = 5;
  one.blocks_out = 6;
  one.input_queued = 7;
  one.input_window = 8;
  one.output_queued = 9;
  one.output_window = 10;
  one.busy_ms = 11;
  one.idle_ms = 12;
  one.backpressured_ms = 13;
  one.user["map.late"] = 14;
  one.gauges["map.fill"] = 0.5;
  TaskCounters total;
  total += one;
  total += one;
  CHECK(total.records_in == 2);
  CHECK(total.records_out == 4);
  CHECK(total.bytes_in == 6);
  CHECK(total.bytes_out == 8);
  CHECK(total.blocks_in == 10);
  CHECK(total.blocks_out == 12);
  CHECK(total.input_queued == 14);
  CHECK(total.input_window == 16);
  CHECK(total.output_queued == 18);
  CHECK(total.output_window == 20);
  CHECK(total.busy_ms == 22);
  CHECK(total.idle_ms == 24);
  CHECK(total.backpressured_ms == 26);
  CHECK(total.user == std::map<std::string, std::uint64_t>{{"map.late", 28}});
  CHECK(total.gauges.empty());
}

TEST_CASE("task_counters: rates are per second, never negative, and a time share is at most all of it") {
  TaskCounters earlier, last;
  earlier.records_in = 100;
  last.records_in = 300;
  earlier.records_out = 50;  // shrank: another attempt
  last.busy_ms = 5'000;
  const TaskRates rates = rates_between(earlier, at(1'000), last, at(1'500));
  CHECK(rates.records_in == 400);
  CHECK(rates.records_out == 0);
  CHECK(rates.busy_ms == 1'000);
  CHECK(rates_between(earlier, at(1'000), last, at(1'000)).records_in == 0);
  CHECK(rates_between(earlier, at(2'000), last, at(1'000)).records_in == 0);
}

}  // namespace
}  // namespace weir::jobmanager

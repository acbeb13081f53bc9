#include "jobmanager/model/task_counters.h"

#include <algorithm>

namespace weir::jobmanager {

TaskCounters& TaskCounters::operator+=(const TaskCounters& other) {
  for (auto number :
       {&TaskCounters::records_in, &TaskCounters::records_out, &TaskCounters::bytes_in, &TaskCounters::bytes_out,
        &TaskCounters::blocks_in, &TaskCounters::blocks_out, &TaskCounters::input_queued, &TaskCounters::input_window,
        &TaskCounters::output_queued, &TaskCounters::output_window, &TaskCounters::busy_ms, &TaskCounters::idle_ms,
        &TaskCounters::backpressured_ms}) {
    this->*number += other.*number;
  }
  for (const auto& [name, value] : other.user) user[name] += value;
  return *this;
}

TaskRates rates_between(const TaskCounters& earlier, WallTime earlier_at, const TaskCounters& last, WallTime last_at) {
  TaskRates rates;
  if (last_at <= earlier_at) return rates;
  const double seconds = std::chrono::duration<double>(last_at - earlier_at).count();
  const auto rate = [&](std::uint64_t TaskCounters::*number) {
    return last.*number > earlier.*number ? static_cast<double>(last.*number - earlier.*number) / seconds : 0;
  };
  rates.records_in = rate(&TaskCounters::records_in);
  rates.records_out = rate(&TaskCounters::records_out);
  rates.bytes_in = rate(&TaskCounters::bytes_in);
  rates.bytes_out = rate(&TaskCounters::bytes_out);
  rates.blocks_in = rate(&TaskCounters::blocks_in);
  rates.blocks_out = rate(&TaskCounters::blocks_out);
  rates.busy_ms = std::min(rate(&TaskCounters::busy_ms), 1000.0);
  rates.idle_ms = std::min(rate(&TaskCounters::idle_ms), 1000.0);
  rates.backpressured_ms = std::min(rate(&TaskCounters::backpressured_ms), 1000.0);
  return rates;
}

}  // namespace weir::jobmanager

// What an operator is told about where it runs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "taskmanager/task/step_clock.h"
#include "taskmanager/task/task_counters.h"
#include "taskmanager/task/timers.h"
#include "weir/keyed_backend.h"
#include "weir/operator.h"

namespace weir::taskmanager {

/// What does not change while a task runs. Owned by the task.
struct TaskFacts {
  std::string job_name;
  std::string task_name;  ///< the vertex's
  std::uint32_t subtask = 0;
  std::uint32_t parallelism = 1;
  std::uint32_t max_parallelism = 1;
  std::uint32_t attempt = 0;
  std::uint32_t record_bytes_max = 16u << 20;
  const std::map<std::string, std::string, std::less<>>* settings = nullptr;  ///< outlives the task
  std::function<std::unique_ptr<KeyedBackend>()> make_keyed_backend;          ///< empty: state lives in tables
  /// Where operators' lines go; empty: into the log of the process.
  std::function<void(LogLevel level, std::string_view operator_name, std::string_view text)> log;

  /// "name (2/4)#0", as people see the task.
  std::string display_name() const;
};

/// Lives on: the slot's thread. Owned by the chain; outlives its operator.
class TaskOperatorContext final : public OperatorContext {
 public:
  /// Which operator it is.
  struct Place {
    std::string name;
    std::uint32_t node = 0;             ///< of the chain
    RestoredState* restored = nullptr;  ///< outlives the opening
  };
  TaskOperatorContext(const TaskFacts& facts, Place place, BlockPool& pool, const StepClock& clock, Timers& timers,
                      TaskMetrics& metrics);

  std::string_view job_name() const override { return facts_.job_name; }
  std::string_view task_name() const override { return facts_.task_name; }
  std::string_view operator_name() const override { return place_.name; }
  std::uint32_t subtask_index() const override { return facts_.subtask; }
  std::uint32_t parallelism() const override { return facts_.parallelism; }
  std::uint32_t max_parallelism() const override { return facts_.max_parallelism; }
  std::uint32_t attempt() const override { return facts_.attempt; }
  BlockPool& pool() override { return pool_; }
  std::int64_t now_ms() const override { return clock_.now_ms(); }
  std::int64_t wall_ms() const override { return clock_.wall_ms(); }
  Counter* counter(std::string_view name) override;
  Gauge* gauge(std::string_view name) override;
  void log(LogLevel level, std::string_view text) override;
  void wake_at(std::int64_t at_ms) override { timers_.add({at_ms, place_.node}); }
  std::string_view setting(std::string_view key) const override;
  std::uint32_t record_bytes_max() const override { return facts_.record_bytes_max; }
  RestoredState* restored() override { return place_.restored; }
  std::unique_ptr<KeyedBackend> make_keyed_backend() override;

 private:
  const TaskFacts& facts_;
  const Place place_;
  BlockPool& pool_;
  const StepClock& clock_;
  Timers& timers_;
  TaskMetrics& metrics_;
};

}  // namespace weir::taskmanager

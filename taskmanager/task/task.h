// A task: one parallel instance of a chain, as a thing that can be stepped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/task_status.h"
#include "taskmanager/exchange/output_writer.h"
#include "taskmanager/input/input_reader.h"
#include "taskmanager/task/operator_chain.h"
#include "taskmanager/task/task_counters.h"
#include "taskmanager/task/task_failure.h"
#include "weir/result.h"

namespace weir::taskmanager {

class Task;

/// Told about a task's life. Lives on: the slot's thread.
class TaskEvents {
 public:
  virtual ~TaskEvents() = default;
  /// @param failure  null unless `status` is failed
  virtual void on_task_status(const Task& task, TaskStatus status, const TaskFailure* failure) = 0;
};

/// What a step did.
enum class StepOutcome : std::uint8_t {
  worked,         ///< something; step again
  idle,           ///< nothing: no input, or a source that waits
  backpressured,  ///< nothing: an output is full
  waiting,        ///< nothing: an operator wants no more until something comes
  over,           ///< finished, canceled or failed
};

/// One chain with its inputs and outputs.
/// Lives on: the slot's thread, after construction. Owned by the loop. Life cycle: start, step until over; cancel at
/// any time between. Promises: a step handles a few batches at most; nothing is read while an output is blocked; an
/// exception of user code ends in `failed` and goes no further. The end of data comes when all operators have emitted
/// what they had; the end of the partition behind it, when no checkpoint is waited for; FINISHED is reported when all
/// consumers have taken that.
class Task {
 public:
  /// What a task is made of. `plan`'s link indices count `writers`.
  struct Parts {
    TaskFacts facts;
    ChainPlan plan;
    std::unique_ptr<InputReader> input;  ///< none for a source
    std::vector<std::unique_ptr<OutputWriter>> writers;
    std::shared_ptr<TaskMetrics> metrics;
    ThrowPlace throw_place = nullptr;  ///< none: places are not known
    /// Behind the end of its data it stays open until last_checkpoint_completed(): for the checkpoint with what its
    /// operators have at the end.
    bool waits_for_last_checkpoint = false;
  };
  Task(Parts parts, OperatorChain::Surroundings surroundings, TaskEvents& events);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  /// Makes and opens the operators.
  void start();
  StepOutcome step();
  /// Takes the task's part of a checkpoint, between two steps. Call again, and step in between, until there is one.
  /// @return  one for each node of the plan; none: not yet, or the task has failed
  std::optional<std::vector<OperatorSnapshot>> snapshot(std::uint64_t checkpoint_id);
  void checkpoint_completed(std::uint64_t checkpoint_id);
  void checkpoint_aborted(std::uint64_t checkpoint_id);
  /// No checkpoint is waited for any more.
  void last_checkpoint_completed() { waits_for_last_checkpoint_ = false; }
  /// Stops between two batches. Nothing when it is over already.
  void cancel();

  /// The loop has nothing else to do: sends open blocks on. @return  whether anything went
  bool flush_idle();
  /// Sends blocks that have waited long enough. @return  whether anything went
  bool flush_due();
  /// When the task wants to be stepped or flushed though nothing comes, in microseconds of the loop's clock.
  std::int64_t next_wake_us() const;

  TaskStatus status() const { return status_; }
  bool is_over() const { return weir::is_over(status_); }
  const TaskFacts& facts() const { return facts_; }
  /// Makes counters visible, and notes how time is spent from `began_us`, when the step began, on.
  void publish(StepOutcome outcome, std::int64_t began_us);

 private:
  StepOutcome step_checked();
  StepOutcome step_source();
  StepOutcome step_input();
  StepOutcome step_ending();
  StepOutcome step_closing(bool has_worked);
  void handle(const InputEvent& event);
  bool is_output_blocked() const;
  bool fail_if_broken();
  void look_at_queues(std::int64_t now_us);
  void begin_ending(std::uint32_t last_input);
  void finish();
  void change(TaskStatus status, const TaskFailure* failure);
  void fail(const Error& error);
  void fail(TaskFailure failure);
  void release() noexcept;

  // Set once
  const TaskFacts facts_;
  const std::shared_ptr<TaskMetrics> metrics_;
  const ThrowPlace throw_place_;
  const StepClock& clock_;
  TaskEvents& events_;
  // The slot's thread only
  std::unique_ptr<InputReader> input_;
  std::vector<std::unique_ptr<OutputWriter>> writers_;
  std::unique_ptr<OperatorChain> chain_;
  TaskStatus status_ = TaskStatus::initializing;
  bool is_open_ = false;
  bool is_ending_ = false;
  bool has_ended_ = false;  // the chain has: no data follows; outputs may still be on their way
  bool waits_for_last_checkpoint_ = false;
  bool has_ended_partition_ = false;
  std::uint32_t last_input_ = 0;
  Activity activity_ = Activity::idle;
  std::int64_t looked_us_ = 0;  // when the channels were looked at last
};

}  // namespace weir::taskmanager

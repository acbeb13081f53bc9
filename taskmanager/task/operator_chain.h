// The operators of one task: a tree whose inner edges are plain calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmanager/exchange/output_writer.h"
#include "taskmanager/exchange/poller.h"
#include "taskmanager/task/operator_context.h"
#include "taskmanager/task/task_failure.h"
#include "weir/operator.h"
#include "weir/stream_graph.h"

namespace weir::taskmanager {

/// The shape of a chain, made where the job graph is known. A value.
struct ChainPlan {
  /// Where an output of an operator leads: to an operator of the chain, or out of it.
  struct Link {
    std::uint32_t output = 0;  ///< of the operator that emits
    bool is_writer = false;
    std::uint32_t index = 0;  ///< of the node, or of the task's output writer
    std::uint32_t input = 0;  ///< of the operator that is led to
  };
  struct Node {
    const OperatorNode* plan = nullptr;  ///< outlives the task
    std::vector<Link> links;
  };
  std::vector<Node> nodes;  ///< head first; links lead forward only
};

/// Makes, calls and ends the operators. A batch goes through all of it in one call.
/// Lives on: the slot's thread. Owned by a task. User code is called in here: every verb but `close` may throw what it
/// throws.
class OperatorChain {
 public:
  struct Surroundings {
    BlockPool& pool;
    const StepClock& clock;
    Poller& poller;
  };
  /// Calls no user code.
  OperatorChain(ChainPlan plan, std::vector<std::unique_ptr<OutputWriter>>& writers, const TaskFacts& facts,
                Surroundings surroundings, TaskMetrics& metrics);
  ~OperatorChain();
  OperatorChain(const OperatorChain&) = delete;
  OperatorChain& operator=(const OperatorChain&) = delete;

  /// Makes and opens all operators, last first, so that nobody emits into one that is not open.
  Result<void> open();
  /// Closes all operators that were opened, each whatever the others do, and lets them go. What one throws is logged
  /// with the operator's name.
  /// @return  of the first that threw: what, with its place
  std::optional<TaskFailure> close(ThrowPlace throw_place) noexcept;

  /// Asks the source for a batch, unless what it waits for has not come. @return  whether it was asked and had
  /// something to do
  Result<bool> poll_source();
  bool is_source_finished() const { return is_source_finished_; }

  /// Hands a batch to the head.
  void process(std::uint32_t input, Batch& batch);
  void on_watermark(std::int64_t ms);
  void end_of_input(std::uint32_t input);
  /// Asks all operators whether they want more; for after each batch.
  Result<void> ask_ready();
  /// Asks those that did not, if what they wait for has come. @return  whether any was asked
  Result<bool> ask_blocked();
  /// An operator wants no more until something comes.
  bool is_blocked() const { return blocked_ > 0; }

  /// Calls operators whose time has come, until `stop` says so. @return  whether any was called
  template <class Stop>
  bool run_timers(Stop&& stop) {
    bool has_run = false;
    for (Timers::Timer timer; !stop() && timers_.take_due(surroundings_.clock.now_ms(), timer);) {
      call_timer(timer);
      has_run = true;
    }
    return has_run;
  }

  /// All inputs have ended: ends operator after operator. Call again until it answers true; stop in between while
  /// outputs are blocked.
  /// @param last_input  of the head, the one that ended last
  Result<bool> step_ending(std::uint32_t last_input);

  /// When something in here wants to be called, monotonic milliseconds.
  std::int64_t next_wake_ms() const;
  /// Whose code is running, or ran last: "in operator 'name'".
  std::string place() const;

 private:
  class NodeOutput;
  struct Node;

  void deliver(Node& node, std::uint32_t output, Batch& batch);
  void deliver_to_several(Node& node, std::uint32_t output, Batch& batch);
  void deliver_watermark(Node& node, std::int64_t ms);
  void call(Node& node, std::uint32_t input, Batch& batch);
  void call_watermark(Node& node, std::int64_t ms);
  void call_timer(const Timers::Timer& timer);
  Result<void> ask(Node& node);
  void note(Node& node, const Progress& progress);
  bool has_come(const Node& node) const;

  // Set once
  const ChainPlan plan_;
  std::vector<std::unique_ptr<OutputWriter>>& writers_;
  const TaskFacts& facts_;
  const Surroundings surroundings_;
  TaskMetrics& metrics_;
  std::vector<std::unique_ptr<Node>> nodes_;
  // The slot's thread only
  Timers timers_;
  Node* current_ = nullptr;
  std::uint32_t blocked_ = 0;  // operators that wait
  bool is_source_finished_ = false;
  std::uint32_t ending_node_ = 0;        // nodes before it have ended
  bool is_ending_begun_ = false;         // the node at ending_node_ has been told
  std::vector<std::uint32_t> input_of_;  // by node: which of its inputs leads here
};

}  // namespace weir::taskmanager

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
#include "taskmanager/state/operator_snapshot.h"
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
    RestoredState* restored = nullptr;  ///< outlives the opening; null: it starts without state
  };
  std::vector<Node> nodes;  ///< head first; links lead forward only
};

/// Makes, calls and ends the operators. A batch goes through all of it in one call. Operators are asked (ready) from
/// the last to the first, and none while one behind it waits or an output that it leads to is full: what one emits is
/// put away before the next chunk is made. Lives on: the slot's thread. Owned by a task or by a test's harness. User
/// code is called in here: every verb but `close` may throw what it throws.
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

  /// Hands a batch to the head. Only while the chain is settled, as the next two.
  void process(std::uint32_t input, Batch& batch);
  void on_watermark(std::int64_t ms);
  void end_of_input(std::uint32_t input);
  /// Asks the operators that were called, and those whose waiting has ended; each emits one chunk at most.
  /// @return  whether any was asked
  Result<bool> advance();
  /// Nobody waits or has marked work: the chain takes more.
  bool is_settled() const { return waiting_ == 0 && due_ == 0; }
  /// Calls the operators whose time has come; `advance` then lets them emit. @return  whether any was called
  bool run_timers();

  /// All inputs have ended: ends operator after operator. Call again until it returns true, and `advance` in between.
  /// @param last_input  of the head, the one that ended last
  Result<bool> step_ending(std::uint32_t last_input);

  /// Lets operator after operator emit what belongs before the checkpoint's barrier. Call again until it returns true,
  /// and `advance` in between.
  Result<bool> step_prepare_snapshot(std::uint64_t checkpoint_id);
  /// Between the first such call and the snapshot: what comes now belongs behind the barrier.
  bool is_preparing_snapshot() const { return preparing_checkpoint_ != 0; }
  /// Notes the state of all operators, after step_prepare_snapshot has returned true for the same checkpoint.
  /// @return  one for each node of the plan, in its order
  Result<std::vector<OperatorSnapshot>> snapshot(std::uint64_t checkpoint_id);
  Result<void> checkpoint_completed(std::uint64_t checkpoint_id);
  void checkpoint_aborted(std::uint64_t checkpoint_id);

  /// When something in here wants to be called, monotonic milliseconds.
  std::int64_t next_wake_ms() const;
  /// Whose code is running, or ran last: "in operator 'name'".
  std::string place() const;

 private:
  class NodeOutput;
  struct Node;

  Result<void> open(Node& node, std::uint32_t index);
  void deliver(Node& node, std::uint32_t output, Batch& batch);
  void deliver_to_several(Node& node, std::uint32_t output, Batch& batch);
  void deliver_watermark(Node& node);
  void call(Node& node, std::uint32_t input, Batch& batch);
  void call_watermark(Node& node, std::int64_t ms);
  void call_end_of_input(Node& node, std::uint32_t input);
  void call_timer(const Timers::Timer& timer);
  Result<void> ask(Node& node);
  void note(Node& node, const Progress& progress);
  void watch(Node& node, const Progress& progress);
  void mark_due(Node& node);
  bool wants_to_be_asked(const Node& node) const;
  bool may_emit(const Node& node) const;
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
  std::uint32_t waiting_ = 0;   // operators that take no more
  std::uint32_t due_ = 0;       // operators that were called and not asked since
  std::uint64_t calls_ = 0;     // of operators, by the outputs of others
  std::uint64_t advances_ = 0;  // calls of `advance`
  bool is_source_finished_ = false;
  std::uint32_t ending_node_ = 0;           // nodes before it have ended
  bool is_ending_begun_ = false;            // the node at ending_node_ has got its end of input
  std::vector<std::uint32_t> input_of_;     // by node: which of its inputs leads here
  std::uint64_t preparing_checkpoint_ = 0;  // 0: none
  std::uint32_t preparing_node_ = 0;        // nodes before it are prepared for that
};

}  // namespace weir::taskmanager

// Which executions a worker has, and how each fares. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/base/ids.h"
#include "common/plan/job_graph.h"

namespace weir::proto {
enum TaskStatus : int;
}

namespace weir::taskmanager {

/// One attempt at a task, as its deployment names it. A value.
struct Execution {
  ExecutionId id;
  plan::TaskIndex task;
  VertexId vertex;
  std::uint32_t attempt = 0;
  std::uint32_t slot = 0;
  std::string name;  ///< "Map (1/2)", for sentences
};

/// The book of one worker's executions, from the moment a deployment names them until they are over.
/// Lives on: the control thread (pure). Owned by the worker's handle.
/// Promise: an execution that was taken ends once: by a final status, by the worker's loss, or by its refusal. One that
/// is over is never taken again, however late a repeated deployment comes.
class ExecutionLedger {
 public:
  /// Executions that are over and are remembered by their id only.
  static constexpr std::size_t kOverRemembered = 200'000;

  /// A deployment begins. @return  those that are new here, in order; the others are known, or were and are over
  std::vector<Execution> take(const std::vector<Execution>& executions);
  /// The worker is about to be handed some that were taken.
  /// @return  those that were cancelled before: they are over, and are to be reported CANCELED instead
  std::vector<Execution> cancelled_before_start(const std::vector<Execution>& taken);
  /// They do not exist: the worker did not start, or refused them.
  void forget(const std::vector<Execution>& executions);

  /// What the worker says of one. @return  it, when the status is news; nothing when it is unknown or over
  std::optional<Execution> enter(const ExecutionId& id, proto::TaskStatus status);

  /// What becomes of an order to stop.
  struct Cancelled {
    std::vector<ExecutionId> live;     ///< the worker has to be asked
    std::vector<ExecutionId> unknown;  ///< never heard of
  };
  Cancelled cancel(const std::vector<ExecutionId>& ids);
  /// Of these, those that are not over.
  std::vector<ExecutionId> live(const std::vector<ExecutionId>& ids) const;
  /// All that are not over, in order of their ids.
  std::vector<ExecutionId> live() const;

  struct Lost {
    Execution execution;
    bool was_cancelled = false;
  };
  /// The worker is gone: all that are not over are now. @return  they, in order of their ids
  std::vector<Lost> lose_all();

  /// "Map (1/2)"; empty when it is not known.
  std::string name_of(const ExecutionId& id) const;
  bool is_live(const ExecutionId& id) const { return entries_.contains(id); }
  bool has_live() const { return !entries_.empty(); }
  bool has_live_in(std::uint32_t slot) const;

 private:
  struct Entry {
    Execution execution;
    bool is_cancelled = false;
  };
  void end(std::map<ExecutionId, Entry>::iterator entry);

  std::map<ExecutionId, Entry> entries_;  ///< that are not over
  std::unordered_set<ExecutionId> over_;
  std::deque<ExecutionId> over_in_order_;
};

}  // namespace weir::taskmanager

// Every slot of every TaskManager, and which job has it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/base/ids.h"
#include "jobmanager/cluster/slot.h"

namespace weir::jobmanager {

/// The book of slots. A slot belongs to one job or to none.
/// Lives on: the control thread (pure: no clock, no peer). Owned by the daemon.
class SlotPool {
 public:
  /// A TaskManager that the pool does not have offers `slots` slots. ENSUREs that it is new.
  void add(const TaskManagerId& task_manager, std::uint32_t slots);
  /// Its slots are gone, whoever has them. An unknown one is ignored.
  void remove(const TaskManagerId& task_manager);

  /// The job has this slot from now on. ENSUREs that it exists and is free.
  void lease(const JobId& job, const SlotAddress& slot);
  /// The slot is free again. Nothing happens when the job does not have it (any more).
  void release(const JobId& job, const SlotAddress& slot);

  /// What is free, TaskManagers in the order in which they came.
  std::vector<FreeSlots> free() const;
  bool contains(const TaskManagerId& task_manager) const { return find(task_manager) != nullptr; }
  bool holds(const JobId& job, const TaskManagerId& task_manager) const;
  /// TaskManagers on which the job has slots.
  std::vector<TaskManagerId> task_managers_of(const JobId& job) const;
  /// The job's slots on this TaskManager, ascending.
  std::vector<SlotAddress> slots_of(const JobId& job, const TaskManagerId& task_manager) const;
  /// Who has each slot of one TaskManager; empty when it is unknown.
  std::vector<std::optional<JobId>> holders(const TaskManagerId& task_manager) const;
  std::size_t total() const;
  std::size_t available() const;

 private:
  struct Entry {
    TaskManagerId task_manager;
    std::vector<std::optional<JobId>> holders;  ///< by slot
  };
  const Entry* find(const TaskManagerId& task_manager) const;
  Entry* find(const TaskManagerId& task_manager);

  std::vector<Entry> entries_;
};

}  // namespace weir::jobmanager

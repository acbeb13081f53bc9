// Which job has which slot of this TaskManager.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/ids.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// Lives on: the control thread (pure). Slots are numbered from 0.
class SlotTable {
 public:
  explicit SlotTable(std::uint32_t slots);

  /// Gives slots to a job; those that it has already stay its own. All or none.
  /// @return  those that it did not have before, each once
  /// Errors: invalid_argument when there is no such slot; failed_precondition when another job has one. Both name the
  /// slot.
  Result<std::vector<std::uint32_t>> claim(const JobId& job, std::span<const std::uint32_t> slots);
  /// Frees one slot. Nothing happens when the job does not have it (any more).
  void release(const JobId& job, std::uint32_t slot);
  /// Frees all slots of the job. @return how many they were
  std::uint32_t release_all(const JobId& job);

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(owners_.size()); }
  std::uint32_t count_of(const JobId& job) const;
  std::uint32_t free_count() const { return count_of(JobId()); }
  /// The slot's job, or none. ENSUREs slot < size().
  const JobId& owner_of(std::uint32_t slot) const;

 private:
  std::vector<JobId> owners_;  // none: free
};

}  // namespace weir::taskmanager

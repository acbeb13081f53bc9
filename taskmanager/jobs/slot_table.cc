#include "taskmanager/jobs/slot_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ensure.h"

namespace weir::taskmanager {

SlotTable::SlotTable(std::uint32_t slots) : owners_(slots) { ENSURE(slots > 0, "a TaskManager without slots"); }

Result<std::vector<std::uint32_t>> SlotTable::claim(const JobId& job, std::span<const std::uint32_t> slots) {
  ENSURE(!job.is_none(), "no job claims slots");
  for (const std::uint32_t slot : slots) {
    if (slot >= owners_.size()) {
      return Error::external(ErrorCode::invalid_argument,
                             fmt::format("no such slot on this TaskManager: {}, it has {}", slot, owners_.size()));
    }
    if (!owners_[slot].is_none() && owners_[slot] != job) {
      return Error::external(ErrorCode::failed_precondition,
                             fmt::format("the slot is taken by another job: slot {}, job {}", slot, owners_[slot]));
    }
  }
  std::vector<std::uint32_t> fresh;
  for (const std::uint32_t slot : slots) {
    if (owners_[slot].is_none()) fresh.push_back(slot);
    owners_[slot] = job;
  }
  return fresh;
}

void SlotTable::release(const JobId& job, std::uint32_t slot) {
  if (slot < owners_.size() && owners_[slot] == job) owners_[slot] = JobId();
}

std::uint32_t SlotTable::release_all(const JobId& job) {
  const std::uint32_t count = count_of(job);
  std::ranges::replace(owners_, job, JobId());
  return count;
}

std::uint32_t SlotTable::count_of(const JobId& job) const {
  return static_cast<std::uint32_t>(std::ranges::count(owners_, job));
}

const JobId& SlotTable::owner_of(std::uint32_t slot) const {
  ENSURE(slot < owners_.size(), "slot {} of {}", slot, owners_.size());
  return owners_[slot];
}

}  // namespace weir::taskmanager

#include "jobmanager/cluster/slot_pool.h"

#include <algorithm>

#include "common/base/ensure.h"

namespace weir::jobmanager {

const SlotPool::Entry* SlotPool::find(const TaskManagerId& task_manager) const {
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& entry) { return entry.task_manager == task_manager; });
  return found == entries_.end() ? nullptr : &*found;
}

SlotPool::Entry* SlotPool::find(const TaskManagerId& task_manager) {
  return const_cast<Entry*>(std::as_const(*this).find(task_manager));
}

void SlotPool::add(const TaskManagerId& task_manager, std::uint32_t slots) {
  ENSURE(find(task_manager) == nullptr, "{} is in the pool already", task_manager);
  entries_.push_back({task_manager, std::vector<std::optional<JobId>>(slots)});
}

void SlotPool::remove(const TaskManagerId& task_manager) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.task_manager == task_manager; });
}

void SlotPool::lease(const JobId& job, const SlotAddress& slot) {
  Entry* const entry = find(slot.task_manager);
  ENSURE(entry != nullptr && slot.slot < entry->holders.size(), "no slot {} of {}", slot.slot, slot.task_manager);
  ENSURE(!entry->holders[slot.slot], "slot {} of {} is taken", slot.slot, slot.task_manager);
  entry->holders[slot.slot] = job;
}

void SlotPool::release(const JobId& job, const SlotAddress& slot) {
  Entry* const entry = find(slot.task_manager);
  if (entry == nullptr || slot.slot >= entry->holders.size()) return;
  if (entry->holders[slot.slot] == job) entry->holders[slot.slot].reset();
}

std::vector<FreeSlots> SlotPool::free() const {
  std::vector<FreeSlots> offers;
  for (const auto& entry : entries_) {
    FreeSlots offer{entry.task_manager, static_cast<std::uint32_t>(entry.holders.size()), {}, false};
    for (std::uint32_t slot = 0; slot < entry.holders.size(); ++slot) {
      if (!entry.holders[slot]) offer.free.push_back(slot);
    }
    offers.push_back(std::move(offer));
  }
  return offers;
}

bool SlotPool::holds(const JobId& job, const TaskManagerId& task_manager) const {
  const Entry* entry = find(task_manager);
  return entry != nullptr && std::find(entry->holders.begin(), entry->holders.end(), job) != entry->holders.end();
}

std::vector<TaskManagerId> SlotPool::task_managers_of(const JobId& job) const {
  std::vector<TaskManagerId> found;
  for (const auto& entry : entries_) {
    if (holds(job, entry.task_manager)) found.push_back(entry.task_manager);
  }
  return found;
}

std::vector<SlotAddress> SlotPool::slots_of(const JobId& job, const TaskManagerId& task_manager) const {
  std::vector<SlotAddress> found;
  const Entry* const entry = find(task_manager);
  if (entry == nullptr) return found;
  for (std::uint32_t slot = 0; slot < entry->holders.size(); ++slot) {
    if (entry->holders[slot] == job) found.push_back({task_manager, slot});
  }
  return found;
}

std::vector<std::optional<JobId>> SlotPool::holders(const TaskManagerId& task_manager) const {
  const Entry* entry = find(task_manager);
  return entry == nullptr ? std::vector<std::optional<JobId>>{} : entry->holders;
}

std::size_t SlotPool::total() const {
  std::size_t count = 0;
  for (const auto& entry : entries_) count += entry.holders.size();
  return count;
}

std::size_t SlotPool::available() const {
  std::size_t count = 0;
  for (const auto& entry : entries_) {
    count += static_cast<std::size_t>(std::count(entry.holders.begin(), entry.holders.end(), std::nullopt));
  }
  return count;
}

}  // namespace weir::jobmanager

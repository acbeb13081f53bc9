#include "taskmanager/jobs/execution_ledger.h"

#include <algorithm>
#include <utility>

#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

bool is_final(proto::TaskStatus status) {
  return status == proto::FINISHED || status == proto::CANCELED || status == proto::FAILED;
}

}  // namespace

std::vector<Execution> ExecutionLedger::take(const std::vector<Execution>& executions) {
  std::vector<Execution> fresh;
  for (const Execution& execution : executions) {
    if (over_.contains(execution.id)) continue;
    if (entries_.emplace(execution.id, Entry{execution, false}).second) fresh.push_back(execution);
  }
  return fresh;
}

std::vector<Execution> ExecutionLedger::cancelled_before_start(const std::vector<Execution>& taken) {
  std::vector<Execution> cancelled;
  for (const Execution& execution : taken) {
    const auto entry = entries_.find(execution.id);
    if (entry == entries_.end() || !entry->second.is_cancelled) continue;
    cancelled.push_back(execution);
    end(entry);
  }
  return cancelled;
}

void ExecutionLedger::forget(const std::vector<Execution>& executions) {
  for (const Execution& execution : executions) entries_.erase(execution.id);
}

std::optional<Execution> ExecutionLedger::enter(const ExecutionId& id, proto::TaskStatus status) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return std::nullopt;
  Execution execution = entry->second.execution;
  if (is_final(status)) end(entry);
  return execution;
}

ExecutionLedger::Cancelled ExecutionLedger::cancel(const std::vector<ExecutionId>& ids) {
  Cancelled cancelled;
  for (const ExecutionId& id : ids) {
    const auto entry = entries_.find(id);
    if (entry != entries_.end()) {
      entry->second.is_cancelled = true;
      cancelled.live.push_back(id);
    } else if (!over_.contains(id)) {
      cancelled.unknown.push_back(id);
    }
  }
  return cancelled;
}

std::vector<ExecutionId> ExecutionLedger::live(const std::vector<ExecutionId>& ids) const {
  std::vector<ExecutionId> found;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(found),
               [this](const ExecutionId& id) { return is_live(id); });
  return found;
}

std::vector<ExecutionLedger::Lost> ExecutionLedger::lose_all() {
  std::vector<Lost> lost;
  while (!entries_.empty()) {
    const auto entry = entries_.begin();
    lost.push_back({entry->second.execution, entry->second.is_cancelled});
    end(entry);
  }
  return lost;
}

std::string ExecutionLedger::name_of(const ExecutionId& id) const {
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? std::string() : entry->second.execution.name;
}

std::vector<ExecutionId> ExecutionLedger::live() const {
  std::vector<ExecutionId> live;
  live.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) live.push_back(id);
  return live;
}

bool ExecutionLedger::has_live_in(std::uint32_t slot) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [slot](const auto& entry) { return entry.second.execution.slot == slot; });
}

void ExecutionLedger::end(std::map<ExecutionId, Entry>::iterator entry) {
  over_.insert(entry->first);
  over_in_order_.push_back(entry->first);
  entries_.erase(entry);
  if (over_in_order_.size() <= kOverRemembered) return;
  over_.erase(over_in_order_.front());
  over_in_order_.pop_front();
}

}  // namespace weir::taskmanager

#include "jobmanager/operations/operation_table.h"

#include <fmt/format.h>

#include <utility>

namespace weir::jobmanager {

std::string_view name_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::savepoint: return "savepoint";
    case OperationKind::stop_with_savepoint: return "stop-with-savepoint";
    case OperationKind::checkpoint: return "checkpoint";
    case OperationKind::savepoint_disposal: return "savepoint disposal";
    case OperationKind::rescaling: return "rescaling";
  }
  return "unknown";
}

Result<bool> OperationTable::begin(const OperationKey& key, SteadyTime now) {
  forget_old(now);
  if (operations_.contains(key)) return false;
  if (running() >= limits_.running_max) {
    return Error::user(
        ErrorCode::resource_exhausted,
        fmt::format("{} operations run already, which is the most: wait until one has ended", limits_.running_max));
  }
  operations_[key] = std::make_shared<const Operation>(Operation{key, std::nullopt});
  return true;
}

void OperationTable::end(const OperationKey& key, Result<std::string> outcome, SteadyTime now) {
  const auto found = operations_.find(key);
  if (found == operations_.end() || found->second->outcome) return;
  found->second = std::make_shared<const Operation>(Operation{key, std::move(outcome)});
  ended_.push_back({key, now});
  forget_old(now);
}

Result<std::shared_ptr<const Operation>> OperationTable::find(const OperationKey& key, SteadyTime now) {
  forget_old(now);
  if (const auto found = operations_.find(key); found != operations_.end()) return found->second;
  std::string message =
      fmt::format("There is no {} operation with triggerId={}", name_of(key.kind), key.trigger.to_hex());
  if (!key.job.is_none()) message += fmt::format(" for job {}", key.job);
  return Error::user(ErrorCode::not_found, message + ".");
}

void OperationTable::forget_old(SteadyTime now) {
  while (!ended_.empty() && (ended_.size() > limits_.ended_max || now - ended_.front().at > limits_.kept_for)) {
    operations_.erase(ended_.front().key);
    ended_.pop_front();
  }
}

}  // namespace weir::jobmanager

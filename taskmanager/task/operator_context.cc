#include "taskmanager/task/operator_context.h"

#include <fmt/format.h>

#include <utility>

#include "common/observe/log.h"

namespace weir::taskmanager {

std::string TaskFacts::display_name() const {
  return fmt::format("{} ({}/{})#{}", task_name, subtask + 1, parallelism, attempt);
}

TaskOperatorContext::TaskOperatorContext(const TaskFacts& facts, Place place, BlockPool& pool, const StepClock& clock,
                                         Timers& timers, TaskMetrics& metrics)
    : facts_(facts), place_(std::move(place)), pool_(pool), clock_(clock), timers_(timers), metrics_(metrics) {}

Counter* TaskOperatorContext::counter(std::string_view name) {
  return metrics_.user.find_or_add(fmt::format("{}.{}", place_.name, name));
}

Gauge* TaskOperatorContext::gauge(std::string_view name) {
  return metrics_.gauges.find_or_add(fmt::format("{}.{}", place_.name, name));
}

void TaskOperatorContext::log(LogLevel level, std::string_view text) {
  if (facts_.log) return facts_.log(level, place_.name, text);
  const auto threshold = level == LogLevel::debug  ? log::Level::debug
                         : level == LogLevel::info ? log::Level::info
                         : level == LogLevel::warn ? log::Level::warn
                                                   : log::Level::error;
  if (!log::enabled(threshold)) return;
  log::write(threshold, fmt::format("{} - {}: {}", facts_.display_name(), place_.name, text));
}

std::unique_ptr<KeyedBackend> TaskOperatorContext::make_keyed_backend() {
  return facts_.make_keyed_backend ? facts_.make_keyed_backend() : nullptr;
}

std::string_view TaskOperatorContext::setting(std::string_view key) const {
  if (facts_.settings == nullptr) return {};
  const auto found = facts_.settings->find(key);
  return found == facts_.settings->end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace weir::taskmanager

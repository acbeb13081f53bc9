#include "taskmanager/task/task_counters.h"

#include "common/base/text.h"

namespace weir::taskmanager {

template <class Metric>
MetricList<Metric>::~MetricList() {
  for (auto& [name, node] : by_name_) delete node;
}

template <class Metric>
Metric* MetricList<Metric>::find_or_add(std::string_view wanted) {
  std::string name = printable(wanted, kNameBytesMax);
  if (by_name_.size() >= kMetricsMax && !by_name_.contains(name)) name = kOthersName;
  if (const auto found = by_name_.find(name); found != by_name_.end()) return &found->second->metric;
  auto* const node = new Node;  // NOLINT: kept by by_name_, linked for readers without a lock
  node->name = name;
  node->next = first_.load(std::memory_order_relaxed);
  by_name_.emplace(node->name, node);
  first_.store(node, std::memory_order_release);
  return &node->metric;
}

template class MetricList<OwnedCounter>;
template class MetricList<OwnedGauge>;

void TaskMetrics::turn(Activity activity, std::int64_t now_us) {
  const std::uint64_t current = current_.load(std::memory_order_relaxed);
  if (current != 0) {
    const auto since = static_cast<std::int64_t>(current >> 2);
    if (now_us > since) spent_[current & 3].add(static_cast<std::uint64_t>(now_us - since));
  }
  current_.store(static_cast<std::uint64_t>(now_us) << 2 | static_cast<std::uint64_t>(activity),
                 std::memory_order_relaxed);
}

std::uint64_t TaskMetrics::spent_us(Activity activity, std::int64_t now_us) const {
  const std::uint64_t current = current_.load(std::memory_order_relaxed);
  std::uint64_t spent = spent_[static_cast<std::size_t>(activity)].value();
  if (current != 0 && (current & 3) == static_cast<std::uint64_t>(activity)) {
    const auto since = static_cast<std::int64_t>(current >> 2);
    if (now_us > since) spent += static_cast<std::uint64_t>(now_us - since);
  }
  return spent;
}

}  // namespace weir::taskmanager

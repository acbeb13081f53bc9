#include "taskmanager/exchange/output_partition.h"

#include <utility>

namespace weir::taskmanager {

OutputPartition::OutputPartition(std::vector<std::unique_ptr<OutputChannel>> channels,
                                 std::shared_ptr<const FirstFailure> failure)
    : channels_(std::move(channels)), failure_(std::move(failure)), overdraft_(channels_.size()) {}

OutputPartition::~OutputPartition() {
  for (auto& queue : overdraft_)
    for (; !queue.empty(); queue.pop_front()) drop(queue.front());
}

void OutputPartition::push(std::uint32_t target, const Element& element) {
  auto& queue = overdraft_[target];
  if (queue.empty() && channels_[target]->push(element)) return;
  // Of watermarks that wait one after the other only the last says anything.
  if (element.kind == ElementKind::watermark && !queue.empty() && queue.back().kind == ElementKind::watermark) {
    queue.back().value = element.value;
    return;
  }
  queue.push_back(element);
  ++waiting_;
}

bool OutputPartition::retry() {
  const std::size_t before = waiting_;
  for (std::size_t target = 0; waiting_ > 0 && target < channels_.size(); ++target) {
    auto& queue = overdraft_[target];
    while (!queue.empty() && channels_[target]->push(queue.front())) {
      queue.pop_front();
      --waiting_;
    }
  }
  return waiting_ != before;
}

bool OutputPartition::is_done() const {
  if (waiting_ > 0) return false;
  for (const auto& channel : channels_)
    if (!channel->is_done()) return false;
  return true;
}

}  // namespace weir::taskmanager

#include "jobmanager/job/failure.h"

#include <utility>

namespace weir::jobmanager {

std::string Failure::to_text() const {
  std::string text = exception;
  if (!message.empty()) text += (text.empty() ? "" : ": ") + message;
  if (!stack_trace.empty()) text += "\n" + stack_trace;
  return text;
}

void FailureHistory::add_root(LocatedFailure failure) {
  entries_.push_back({std::move(failure), {}});
  if (entries_.size() > entries_max_) {
    entries_.pop_front();
    truncated_ = true;
  }
}

void FailureHistory::add_concurrent(LocatedFailure failure) {
  if (entries_.empty()) return add_root(std::move(failure));
  auto& concurrent = entries_.back().concurrent;
  if (concurrent.size() < kConcurrentMax) concurrent.push_back(std::move(failure));
}

}  // namespace weir::jobmanager

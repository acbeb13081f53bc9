#include "jobmanager/model/failure.h"

#include <utility>

namespace weir::jobmanager {

std::string Failure::to_text() const {
  std::string text = exception;
  if (!message.empty()) text += (text.empty() ? "" : ": ") + message;
  if (!stack_trace.empty()) text += "\n" + stack_trace;
  return text;
}

std::shared_ptr<const FailureList> FailureHistory::list() const {
  if (list_ == nullptr) {
    auto list = std::make_shared<FailureList>();
    list->entries.assign(entries_.rbegin(), entries_.rend());
    list->is_truncated = truncated_;
    list_ = std::move(list);
  }
  return list_;
}

void FailureHistory::add_root(LocatedFailure failure) {
  list_.reset();
  entries_.push_back({std::move(failure), {}});
  if (entries_.size() > entries_max_) {
    entries_.pop_front();
    truncated_ = true;
  }
}

void FailureHistory::add_concurrent(LocatedFailure failure) {
  if (entries_.empty()) return add_root(std::move(failure));
  auto& concurrent = entries_.back().concurrent;
  if (concurrent.size() >= kConcurrentMax) return;
  concurrent.push_back(std::move(failure));
  list_.reset();
}

}  // namespace weir::jobmanager

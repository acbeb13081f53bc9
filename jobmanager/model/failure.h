// What went wrong with a job, and where.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// Why a task, or a whole job, failed.
struct Failure {
  std::string exception;    ///< a type's name, or what happened: "worker killed by signal 11 (SIGSEGV)"
  std::string message;      ///< one sentence
  std::string stack_trace;  ///< may be empty
  WallTime time{};
  Blame blame = Blame::internal;

  /// "exception: message", and the stack trace on lines of its own.
  std::string to_text() const;
};

/// A failure with the place where it was noticed; global ones (no slots) have no task.
struct LocatedFailure {
  Failure failure;
  std::string task_name;  ///< "Source: lines (2/4) - execution #0"
  std::string endpoint;   ///< host:port of the TaskManager
  std::string task_manager_id;
};

/// A root cause and the failures of its neighbours that followed from it.
struct FailureEntry {
  LocatedFailure root;
  std::vector<LocatedFailure> concurrent;
};

/// The last failures of one job, as they were at one moment.
struct FailureList {
  std::vector<FailureEntry> entries;  ///< the newest first: front() is the root cause of a failed job
  bool is_truncated = false;          ///< older ones have been forgotten
};

/// The last failures of one job.
/// Lives on: the control thread (pure). Owned by the job.
class FailureHistory {
 public:
  /// @param entries_max   web.exception-history-size
  explicit FailureHistory(std::size_t entries_max) : entries_max_(entries_max) {}

  /// A new root cause. The oldest entry goes when there are too many.
  void add_root(LocatedFailure failure);
  /// An echo of the newest root cause. Beyond kConcurrentMax it is dropped; without a root cause it becomes one.
  void add_concurrent(LocatedFailure failure);

  const std::deque<FailureEntry>& entries() const { return entries_; }  ///< oldest first
  /// The same value until another failure is added.
  std::shared_ptr<const FailureList> list() const;
  /// Why the job is failing or has failed: the newest root cause.
  const LocatedFailure* newest() const { return entries_.empty() ? nullptr : &entries_.back().root; }

  static constexpr std::size_t kConcurrentMax = 32;

 private:
  std::size_t entries_max_;
  std::deque<FailureEntry> entries_;
  bool truncated_ = false;
  mutable std::shared_ptr<const FailureList> list_;  ///< null: not made since the last change
};

}  // namespace weir::jobmanager

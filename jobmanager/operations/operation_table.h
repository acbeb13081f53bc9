// Operations that take longer than a request: a client starts one, gets a trigger id, and asks for its status later.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "weir/result.h"

namespace weir::jobmanager {

struct TriggerTag {
  static constexpr std::string_view kName = "trigger id";
};
using TriggerId = Id<TriggerTag>;

enum class OperationKind : std::uint8_t { savepoint, stop_with_savepoint, checkpoint, savepoint_disposal, rescaling };
/// "savepoint", "savepoint disposal": for messages.
std::string_view name_of(OperationKind kind);

/// What an operation is about.
struct OperationKey {
  OperationKind kind = OperationKind::savepoint;
  JobId job;  ///< none for a disposal, which belongs to no job
  TriggerId trigger;
  friend auto operator<=>(const OperationKey&, const OperationKey&) = default;
};

/// One operation at one moment.
struct Operation {
  OperationKey key;
  std::optional<Result<std::string>> outcome;  ///< none while it runs; else, say, the savepoint's location; "" for none
};

struct OperationLimits {
  std::chrono::milliseconds kept_for{300'000};  ///< an operation that has ended; rest.async.store-duration
  std::size_t running_max = 1'000;
  std::size_t ended_max = 10'000;
};

/// The one table of such operations. An operation that runs is never forgotten; one that has ended is forgotten after
/// kept_for, or when more than ended_max have ended, the oldest first.
/// Lives on: the control thread (pure). Owned by the daemon.
class OperationTable {
 public:
  explicit OperationTable(OperationLimits limits) : limits_(limits) {}

  /// Notes an operation that begins now. A key that is known is returned as it is, so that a client that repeats its
  /// request (with a trigger id of its own) starts one operation.
  /// @return  whether it is new: the caller starts the work only then
  /// Errors: resource_exhausted when running_max operations run.
  Result<bool> begin(const OperationKey& key, SteadyTime now);
  /// Notes how an operation ended. Nothing for one that is not known or has ended before.
  void end(const OperationKey& key, Result<std::string> outcome, SteadyTime now);
  /// Errors: not_found, as Flink says it: "There is no savepoint operation with triggerId=... for job ...".
  Result<std::shared_ptr<const Operation>> find(const OperationKey& key, SteadyTime now);

  std::size_t running() const { return operations_.size() - ended_.size(); }
  std::size_t ended() const { return ended_.size(); }

 private:
  struct Ended {
    OperationKey key;
    SteadyTime at{};
  };
  void forget_old(SteadyTime now);

  const OperationLimits limits_;
  std::map<OperationKey, std::shared_ptr<const Operation>> operations_;
  std::deque<Ended> ended_;  ///< in order of their end
};

}  // namespace weir::jobmanager

// The verbs that one side of a connection serves, and to whom.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/async/clock.h"
#include "common/async/task.h"
#include "common/rpc/frame.h"
#include "common/rpc/identity.h"
#include "common/rpc/leader_fence.h"

namespace weir::rpc {

class Connection;

/// What a handler knows about the call that it answers.
struct CallContext {
  const Identity* peer = nullptr;    ///< who calls; valid as long as the handler runs
  Connection* connection = nullptr;  ///< the way back to it; may be closed by now, never gone while the handler runs
  SteadyTime deadline{};             ///< the caller waits until then: bound every wait by it
  std::uint64_t leader_epoch = 0;    ///< the caller's
};

/// Answers one call: payload in, payload or Error out. A coroutine that may outlive the caller's interest in it.
using Handler = std::function<Async<std::string>(CallContext, std::string)>;

/// How a verb behaves at its edges.
struct MethodPolicy {
  /// The handler is cancelled when its caller gives up or is lost. Only for verbs that wait or read: a handler that
  /// changes something runs to its end, or a lost connection would leave half of the change.
  bool ends_with_caller = false;
};
inline constexpr MethodPolicy kChanges{false};  ///< runs to its end
inline constexpr MethodPolicy kWaits{true};     ///< cancelled with its caller

/// Method number -> handler. Filled while the daemon is wired, constant afterwards.
/// Lives on: the control thread. Owned by the daemon; outlives every connection that serves from it.
class MethodTable {
 public:
  MethodTable() = default;  ///< serves everybody: for a socket pair, and for what serves nothing
  /// @param callers  roles whose calls are served; others are refused
  explicit MethodTable(std::set<Role> callers) : callers_(std::move(callers)) {}
  /// @param fence    is asked before every call; outlives the table
  MethodTable(std::set<Role> callers, Fence& fence) : callers_(std::move(callers)), fence_(&fence) {}

  struct Entry {
    std::string name;  ///< for logs and errors
    MethodPolicy policy;
    Handler handler;
  };
  /// ENSUREs that `method` is new.
  void add(MethodId method, std::string name, MethodPolicy policy, Handler handler);
  /// Null when the method is not served.
  const Entry* find(MethodId method) const;
  /// Whether this caller may call at all.
  /// Errors: permission_denied (external) for a role that is not served; those of the fence.
  Result<void> admit(const Entry& entry, const Identity& caller, std::uint64_t leader_epoch) const;
  /// Of the fence; 0 without one.
  std::uint64_t epoch() const { return fence_ == nullptr ? 0 : fence_->epoch(); }

 private:
  std::set<Role> callers_;  ///< empty: all
  Fence* fence_ = nullptr;
  std::map<MethodId, Entry> entries_;
};

}  // namespace weir::rpc

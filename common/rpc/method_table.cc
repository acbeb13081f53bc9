#include "common/rpc/method_table.h"

#include <fmt/format.h>

#include "common/base/ensure.h"
#include "common/rpc/typed_call.h"

namespace weir::rpc {

void MethodTable::add(MethodId method, std::string name, MethodPolicy policy, Handler handler) {
  const bool is_new = entries_.try_emplace(method, Entry{std::move(name), policy, std::move(handler)}).second;
  ENSURE(is_new, "method {} was added twice", method.number);
}

const MethodTable::Entry* MethodTable::find(MethodId method) const {
  const auto found = entries_.find(method);
  return found == entries_.end() ? nullptr : &found->second;
}

Result<void> MethodTable::admit(const Entry& entry, const Identity& caller, std::uint64_t leader_epoch) const {
  if (!callers_.empty() && !callers_.contains(caller.role)) {
    return Error::external(ErrorCode::permission_denied,
                           fmt::format("a {} may not call {}", role_name(caller.role), entry.name));
  }
  if (fence_ == nullptr) return {};
  return fence_->admit(caller, leader_epoch);
}

namespace detail {

Error unreadable_message(std::string_view type_name) {
  return Error{ErrorCode::corrupt, Blame::internal, "the payload of a call is no " + std::string(type_name)};
}

}  // namespace detail
}  // namespace weir::rpc

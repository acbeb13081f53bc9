#include "common/rpc/method_table.h"

#include "common/base/ensure.h"

namespace weir::rpc {

void MethodTable::add(MethodId method, std::string name, MethodPolicy policy, Handler handler) {
  const bool is_new = entries_.try_emplace(method, Entry{std::move(name), policy, std::move(handler)}).second;
  ENSURE(is_new, "method {} was added twice", method.number);
}

const MethodTable::Entry* MethodTable::find(MethodId method) const {
  const auto found = entries_.find(method);
  return found == entries_.end() ? nullptr : &found->second;
}

Result<void> MethodTable::admit(const Entry& entry, std::uint64_t leader_epoch) const {
  if (fence_ == nullptr || !entry.policy.is_fenced) return {};
  return fence_->admit(leader_epoch);
}

}  // namespace weir::rpc

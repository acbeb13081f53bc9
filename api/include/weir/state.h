// State: what a keyed function keeps from record to record, one value per key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "weir/detail/state/keyed_states.h"

namespace weir {

/// One value per key. A handle that open() got from its context: `count_ = context.value_state<std::int64_t>("count")`.
/// All calls mean the key of the record (or timer) that is being processed. Lives on: the slot's thread; a copy means
/// the same state. V holds no weir::Text: state keeps std::string.
template <class V>
class ValueState {
 public:
  ValueState() = default;  ///< usable once it was assigned from value_state()
  ValueState(detail::KeyedStates& states, std::uint32_t index) : states_(&states), index_(index) {}

  /// The value; null when the key has none. Valid during this call of the function, until a state is created or cleared
  /// in it.
  const V* get() const { return static_cast<const V*>(used().find(index_)); }
  bool has_value() const { return get() != nullptr; }
  /// A copy of the value, or `other` when the key has none.
  V value_or(V other) const {
    const V* value = get();
    return value == nullptr ? std::move(other) : *value;
  }
  /// The value to change in place; V{} when the key had none. Valid as get() says: call edit() again in the next call
  /// of the function, also for the same key, since snapshots and caches see changes through edit() only.
  V& edit() { return *static_cast<V*>(used().make(index_)); }
  void update(V value) { edit() = std::move(value); }
  /// The key has no value any more.
  void clear() { used().drop(index_); }

 private:
  detail::KeyedStates& used() const {
    if (states_ == nullptr) detail::throw_unopened_state();
    return *states_;
  }
  detail::KeyedStates* states_ = nullptr;
  std::uint32_t index_ = 0;
};

}  // namespace weir

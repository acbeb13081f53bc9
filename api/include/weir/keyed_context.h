// KeyedContext: what a function on a keyed stream has besides RuntimeContext.
#pragma once

#include <cstdint>

#include "weir/context.h"
#include "weir/detail/timers.h"
#include "weir/key.h"

namespace weir {

namespace detail {
/// Errors: throws std::logic_error with a sentence.
[[noreturn]] void throw_no_on_timer();
}  // namespace detail

/// Lives on: the slot's thread.
template <class K>
class KeyedContext : public RuntimeContext {
 public:
  /// The key of the record or timer that is being processed; a std::string key as Text, valid during the call.
  /// Errors: std::logic_error outside of such a call, as in open() and close(); so do the calls below.
  const KeyView<K>& key() const { return current().key; }

  /// Calls the function's on_timer(time, ...) for this key once, when the watermark has reached the time. The same time
  /// twice is one timer.
  /// Errors: std::logic_error when the function has no on_timer.
  void register_event_timer(EventTime time) {
    require_on_timer();
    event_timers_.add(to_ms(time), current().hash, key());
  }
  /// The same by the machine's clock.
  void register_processing_timer(EventTime time) {
    require_on_timer();
    if (processing_timers_.add(to_ms(time), current().hash, key())) wake_for(to_ms(time));
  }
  void delete_event_timer(EventTime time) { event_timers_.remove(to_ms(time), current().hash, key()); }
  void delete_processing_timer(EventTime time) { processing_timers_.remove(to_ms(time), current().hash, key()); }

  // For operators.

  /// The function has an on_timer that the operator calls.
  void set_has_on_timer(bool has_on_timer) { has_on_timer_ = has_on_timer; }
  /// Whose current key is the context's.
  void follow(const detail::TypedKeyedStates<K>& states) { states_ = &states; }
  detail::TimerQueue<K>& event_timers() { return event_timers_; }
  detail::TimerQueue<K>& processing_timers() { return processing_timers_; }
  /// Asks the engine to call on_timer when the wall clock shows `wall_ms`.
  void wake_for(std::int64_t wall_ms) {
    OperatorContext& context = operator_context();
    const std::int64_t wait_ms = wall_ms - context.wall_ms();
    context.wake_at(context.now_ms() + (wait_ms > 0 ? wait_ms : 0));
  }

 private:
  const detail::KeyAt<K>& current() const {
    const detail::KeyAt<K>* const at = states_ == nullptr ? nullptr : states_->current();
    if (at == nullptr) [[unlikely]]
      detail::throw_no_current_key("key()");
    return *at;
  }
  void require_on_timer() const {
    if (!has_on_timer_) [[unlikely]]
      detail::throw_no_on_timer();
  }

  bool has_on_timer_ = false;
  const detail::TypedKeyedStates<K>* states_ = nullptr;
  detail::TimerQueue<K> event_timers_;
  detail::TimerQueue<K> processing_timers_;
};

}  // namespace weir

#include "taskmanager/exchange/local_channel.h"

#include <utility>

namespace weir::taskmanager {

LocalChannel::LocalChannel(std::uint32_t window, Waker& producer, Waker& consumer)
    : window_(window), producer_(producer), consumer_(consumer), ring_(window) {}

LocalChannel::~LocalChannel() {
  Element element;
  while (ring_.pop(element)) drop(element);
}

void LocalChannel::attach(std::shared_ptr<GateSignals> signals, std::uint32_t index) {
  signals_ = std::move(signals);
  index_ = index;
  attached_.store(signals_.get(), std::memory_order_release);
  // Either a push sees the signals, or the gate's first look, which comes later, sees what was pushed.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void LocalChannel::connect() {
  connected_.store(true, std::memory_order_release);
  consumer_.wake_if_parked();
}

bool LocalChannel::has_credit(std::uint32_t cost) noexcept {
  const std::uint32_t sent = sent_.load(std::memory_order_relaxed);
  if (sent + cost - taken_seen_ <= window_) return true;
  taken_seen_ = taken_.load(std::memory_order_acquire);
  return sent + cost - taken_seen_ <= window_;
}

bool LocalChannel::push(const Element& element) noexcept {
  const std::uint32_t cost = cost_of(element);
  if (!has_credit(cost)) {
    producer_waits_.store(true, std::memory_order_relaxed);
    // Either this look sees what the consumer has taken, or the consumer sees the flag.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!has_credit(cost)) return false;
    producer_waits_.store(false, std::memory_order_relaxed);
  }
  sent_.store(sent_.load(std::memory_order_relaxed) + cost, std::memory_order_relaxed);
  ring_.push(element);
  // Not attached yet: the gate looks at every channel once when it starts.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (GateSignals* const signals = attached_.load(std::memory_order_acquire)) {
    signals->mark(index_);
    consumer_.wake_if_parked();
  }
  return true;
}

bool LocalChannel::pop(Element& element) noexcept {
  if (!ring_.pop(element)) return false;
  taken_.store(taken_.load(std::memory_order_relaxed) + cost_of(element), std::memory_order_release);
  if (element.kind == ElementKind::end_of_partition) {
    end_taken_.store(true, std::memory_order_release);
    producer_.wake_if_parked();
    return true;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Half empty before the producer is called back: it then has something to do for a while.
  if (producer_waits_.load(std::memory_order_relaxed) && ring_.count() <= ring_.limit() / 2) {
    producer_waits_.store(false, std::memory_order_relaxed);
    producer_.wake_if_parked();
  }
  return true;
}

}  // namespace weir::taskmanager

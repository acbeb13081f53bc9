#include "taskmanager/exchange/local_channel.h"

#include <utility>

namespace weir::taskmanager {

LocalChannel::LocalChannel(std::uint32_t window, Waker& producer, Waker& consumer)
    : producer_(producer), consumer_(consumer), ring_(window) {}

LocalChannel::~LocalChannel() {
  Element element;
  while (ring_.pop(element)) drop(element);
}

void LocalChannel::attach(std::shared_ptr<GateSignals> signals, std::uint32_t index) {
  signals_ = std::move(signals);
  index_ = index;
  attached_.store(signals_.get(), std::memory_order_seq_cst);
}

void LocalChannel::connect() {
  connected_.store(true, std::memory_order_release);
  consumer_.wake_if_parked();
}

bool LocalChannel::push(const Element& element) noexcept {
  if (!ring_.push(element)) {
    producer_waits_.store(true, std::memory_order_seq_cst);
    if (!ring_.push(element)) return false;  // full after the flag was up: the consumer will see the flag
    producer_waits_.store(false, std::memory_order_relaxed);
  }
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
  if (element.kind == ElementKind::end_of_input) {
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

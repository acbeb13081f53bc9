// What a task counts: written by its slot, read by anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "weir/operator.h"

namespace weir::taskmanager {

/// A number with one writer and any readers: adding costs no more than to a plain number.
class OwnedCounter final : public Counter {
 public:
  void add(std::uint64_t amount) override {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The same for a number that goes up and down.
class OwnedGauge final : public Gauge {
 public:
  void set(double value) override { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Counters or gauges by name; none ever goes away, so that readers need no lock.
/// Lives on: `find_or_add` the slot's thread, `each` any.
template <class Metric>
class MetricList {
 public:
  MetricList() = default;
  ~MetricList();
  MetricList(const MetricList&) = delete;
  MetricList& operator=(const MetricList&) = delete;

  /// Names are user code's: made printable and cut. Those beyond kMetricsMax are all the one named kOthersName.
  Metric* find_or_add(std::string_view name);
  static constexpr std::size_t kMetricsMax = 1'000;
  static constexpr std::size_t kNameBytesMax = 255;
  static constexpr std::string_view kOthersName = "(others)";
  /// Calls visit(name, value) for every one.
  template <class Visit>
  void each(Visit&& visit) const {
    for (const Node* node = first_.load(std::memory_order_acquire); node != nullptr; node = node->next)
      visit(node->name, node->metric.value());
  }

 private:
  struct Node {
    std::string name;
    Metric metric;
    Node* next = nullptr;
  };
  std::atomic<Node*> first_{nullptr};
  std::map<std::string, Node*, std::less<>> by_name_;  // the slot's thread only
};
extern template class MetricList<OwnedCounter>;
extern template class MetricList<OwnedGauge>;
using CounterList = MetricList<OwnedCounter>;
using GaugeList = MetricList<OwnedGauge>;

/// What a task does with its time, as Flink tells it.
enum class Activity : std::uint8_t { idle = 0, busy = 1, backpressured = 2 };

/// Lives on: `begin`, `end` and the counters' writing the slot's thread, reading any. Shared by the task and who
/// reports about it.
struct TaskMetrics {
  OwnedCounter records_in;
  OwnedCounter records_out;
  OwnedCounter bytes_in;
  OwnedCounter bytes_out;
  OwnedCounter blocks_in;
  OwnedCounter blocks_out;
  // Looked at from time to time (Task::publish): blocks in the channels, and the most that there may be.
  OwnedCounter input_queued;
  OwnedCounter input_window;
  OwnedCounter output_queued;
  OwnedCounter output_window;
  CounterList user;  ///< by "<operator>.<name>"
  GaugeList gauges;  ///< by "<operator>.<name>"

  /// From `now_us` on the task does `activity`. What lies before belongs to the last one.
  void turn(Activity activity, std::int64_t now_us);
  /// Microseconds spent on an activity up to `now_us` (of the same clock).
  std::uint64_t spent_us(Activity activity, std::int64_t now_us) const;

 private:
  // Since when (microseconds, shifted left by 2) and what, in one word, so that a reader sees both together.
  std::atomic<std::uint64_t> current_{0};
  OwnedCounter spent_[3];
};

}  // namespace weir::taskmanager

// Stands in for the task around one operator: a pool on the heap, a clock that tests set, counters that tests read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/heap_pool.h"
#include "weir/keyed_backend.h"
#include "weir/operator.h"
#include "weir/row_codec.h"
#include "weir/source.h"

namespace weir::test {

class FakeCounter final : public Counter {
 public:
  void add(std::uint64_t amount) override { value += amount; }
  std::uint64_t value = 0;
};

class FakeGauge final : public Gauge {
 public:
  void set(double next) override { value = next; }
  double value = 0;
};

class FakeOperatorContext final : public OperatorContext {
 public:
  FakeOperatorContext() = default;
  FakeOperatorContext(std::uint32_t subtask, std::uint32_t subtasks) : subtask_(subtask), subtasks_(subtasks) {}

  std::string_view job_name() const override { return "test job"; }
  std::string_view task_name() const override { return "test task"; }
  std::string_view operator_name() const override { return "test operator"; }
  std::uint32_t subtask_index() const override { return subtask_; }
  std::uint32_t parallelism() const override { return subtasks_; }
  std::uint32_t max_parallelism() const override { return 128; }
  std::uint32_t attempt() const override { return 0; }
  BlockPool& pool() override { return heap; }
  std::int64_t now_ms() const override { return clock_ms; }
  std::int64_t wall_ms() const override { return clock_ms; }
  Counter* counter(std::string_view name) override { return &counters[std::string(name)]; }
  Gauge* gauge(std::string_view name) override { return &gauges[std::string(name)]; }
  void log(LogLevel, std::string_view text) override { lines.emplace_back(text); }
  void wake_at(std::int64_t at_ms) override { wakes.push_back(at_ms); }
  std::string_view setting(std::string_view) const override { return {}; }
  std::uint32_t record_bytes_max() const override { return bytes_max; }
  RestoredState* restored() override { return restored_state; }
  std::unique_ptr<KeyedBackend> make_keyed_backend() override { return nullptr; }

  HeapPool heap;
  std::int64_t clock_ms = 0;
  std::uint32_t bytes_max = 16u << 20;
  std::map<std::string, FakeCounter> counters;
  std::map<std::string, FakeGauge> gauges;
  std::vector<std::string> lines;
  std::vector<std::int64_t> wakes;
  RestoredState* restored_state = nullptr;

 private:
  std::uint32_t subtask_ = 0;
  std::uint32_t subtasks_ = 1;
};

/// Collects the rows of an operator or source by calling `row(const T&)`; side output 1 as BadRecord.
template <class T>
class RowOutput final : public SourceOutput {
 public:
  explicit RowOutput(std::function<void(const T&)> row) : row_(std::move(row)) {}
  void emit(Batch& batch) override {
    T scratch{};
    batch.for_each_row([&](std::uint32_t row) {
      times.push_back(batch.timestamp_ms(row));
      row_(RowCodec<T>::read(batch.block(), row, scratch));
    });
  }
  void emit_side(std::uint32_t, Batch& batch) override {
    batch.for_each_row([&](std::uint32_t row) { bad.push_back(RowCodec<BadRecord>::read(batch.block(), row)); });
  }
  void emit_watermark(EventTime) override {}
  Output& split(std::uint32_t) override { return *this; }
  void mark_idle(std::uint32_t) override {}
  void release(std::uint32_t) override {}

  std::vector<BadRecord> bad;
  std::vector<std::int64_t> times;

 private:
  std::function<void(const T&)> row_;
};

/// A sink's writer fed with these records as one batch after the other.
template <class T>
void feed(Operator& writer, FakeOperatorContext& context, const std::vector<T>& records, Output& nowhere) {
  std::size_t at = 0;
  while (at < records.size()) {
    Block* block = context.heap.take(
        block_capacity_for(RowCodec<T>::kStride, static_cast<std::uint32_t>(RowCodec<T>::text_bytes(records[at]))));
    block->reset(RowCodec<T>::layout(), 0);
    while (at < records.size() && RowCodec<T>::append(records[at], *block)) ++at;
    Batch batch(block);
    writer.process(0, batch, nowhere);
    context.heap.give(block);
  }
}

}  // namespace weir::test

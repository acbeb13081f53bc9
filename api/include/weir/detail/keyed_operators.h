// Operators around user functions on keyed streams: state is looked up by the row's key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/detail/key_reader.h"
#include "weir/detail/operators.h"
#include "weir/detail/state/keyed_states.h"
#include "weir/keyed_context.h"

namespace weir::detail {

/// Calls body(row, key) for each row, with the state of rows to come on its way.
template <class K, class Selector, class Body>
[[gnu::always_inline]] inline void for_each_key(const Batch& batch, Selector& selector, TypedKeyedStates<K>& states,
                                                Body&& body) {
  const std::uint32_t count = batch.count();
  for (std::uint32_t first = 0; first < count; first += kKeyChunk) {
    const std::uint32_t rows = count - first < kKeyChunk ? count - first : kKeyChunk;
    const KeyAt<K>* const keys = states.read_keys(batch, selector, first, rows);
    for (std::uint32_t at = 0; at < rows; ++at) body(batch.row_at(first + at), keys[at]);
  }
}

/// Keeps one record per key and emits it each time it changes; in a BATCH job once, when the input has ended.
template <class T, class K, class Selector, class F>
class ReduceOperator final : public Operator {
 public:
  ReduceOperator(F function, Selector selector) : function_(std::move(function)), selector_(std::move(selector)) {
    states_.declare(declare_owned_state<T>("reduced"));
  }

  Result<void> open(OperatorContext& context) override {
    collector_ = std::make_unique<Collector<T>>(context);
    context_.attach(context, nullptr, nullptr);
    is_open_ = true;
    open_function(function_, context_);
    only_last_ = context.setting("execution.runtime-mode") == "BATCH";
    return states_.seal(context);
  }
  void process(std::uint32_t, Batch& batch, Output& output) override {
    Collector<T>& collector = *collector_;
    StateTable<K>& table = states_.table();
    const Block& block = batch.block();
    const RowArea rows(block);
    if (!states_.prepare(batch, selector_)) return;
    if (!only_last_) collector.begin(batch, output);
    const bool inherits = block.flags != 0;
    for_each_key<K>(batch, selector_, states_, [&](std::uint32_t row, const KeyAt<K>& at) {
      if (inherits) collector.inherit(block, row);
      bool inserted = false;
      std::uint8_t* const entry = states_.find_or_insert(at, inserted);
      table.note(inserted ? Mutation::make : Mutation::change, entry, 0);
      auto& kept = *static_cast<Owned<T>*>(table.layout().value(entry, 0));
      const T& record = reader_.read(rows, row);
      if (inserted) {
        kept.assign(record);
      } else {
        kept.assign(std::invoke(function_, kept.get(), record));
      }
      if (!only_last_) collector.collect(kept.get());
    });
    if (!only_last_) collector.flush();
    states_.finish();
  }
  void end_of_input(std::uint32_t) override { is_emitting_ = only_last_; }
  /// A block at a time, so that a full output can hold the rest back.
  Result<Progress> ready(Output& output) override {
    if (!states_.failure().ok()) return states_.failure().error();
    if (!is_emitting_) return Progress::more();
    collector_->bind(output);
    Result<bool> has_more = states_.template visit_some<Owned<T>>(
        walk_, 0, kBlockRowsMax, [&](const Owned<T>& kept) { collector_->collect(kept.get()); });
    if (!has_more.ok()) return std::move(has_more).error();
    collector_->flush();
    is_emitting_ = *has_more;
    return is_emitting_ ? Progress::again() : Progress::more();
  }
  Result<void> snapshot(SnapshotContext& context) override {
    auto work = std::make_unique<KeyedStateWork>();
    Result<void> noted = states_.snapshot(context, *work);
    context.write_later(std::move(work));
    return noted;
  }
  void close() override {
    if (std::exchange(is_open_, false)) close_function(function_);
  }

 private:
  F function_;
  Selector selector_;
  RuntimeContext context_;
  RowReader<T> reader_;
  TypedKeyedStates<K> states_;
  std::unique_ptr<Collector<T>> collector_;
  bool is_open_ = false;
  bool only_last_ = false;    // a BATCH job
  bool is_emitting_ = false;  // the input has ended
  typename TypedKeyedStates<K>::Walk walk_;
};

/// What operators with a user's function on keyed streams share: the states and timers of the keys, and the function's
/// life. Lives on: the slot's thread.
template <class K, class R, class F>
class KeyedFunctionOperator : public Operator {
 public:
  KeyedFunctionOperator(F function, std::shared_ptr<const SideTags> tags)
      : function_(std::move(function)), tags_(std::move(tags)) {}

  Result<void> open(OperatorContext& context) override {
    collector_ = std::make_unique<Collector<R>>(context);
    context_.attach(context, tags_, &states_);
    context_.follow(states_);
    context_.set_has_on_timer(TakesTimers<F, K, R>);
    is_open_ = true;
    open_function(function_, context_);
    auto sealed = states_.seal(context);
    if (!sealed.ok()) return sealed;
    if (context.restored() != nullptr) {
      for (TimerQueue<K>* timers : {&context_.event_timers(), &context_.processing_timers()}) {
        auto read =
            read_saved_state(*context.restored(), timer_schema(*timers), states_.table().groups(),
                             [&](ByteReader& in, std::uint32_t group) { return read_timer(in, group, *timers); });
        if (!read.ok()) return read;
      }
    }
    wake_for_processing_timers();
    return {};
  }

  void on_watermark(EventTime watermark, WatermarkOutput& output) override {
    context_.set_watermark(watermark);
    event_due_ms_ = to_ms(watermark);
    if (!has_due_timers()) output.emit_watermark(watermark);
  }
  void on_timer(std::int64_t) override {
    processing_due_ms_ = to_ms(context_.processing_time());
    if (!context_.processing_timers().is_due(processing_due_ms_)) wake_for_processing_timers();
  }

  /// Fires timers that are due, earliest first, until about a block of rows has come of them. A timer that is
  /// registered for a time that has passed waits for the next watermark, or the next look at the clock.
  Result<Progress> ready(Output& output) override {
    if (!states_.failure().ok()) return states_.failure().error();
    if (has_due_timers()) {
      const Chunk chunk{.fired_max = kBlockRowsMax, .blocks_max = collector_->blocks() + 1};
      const std::uint32_t fired = fire(context_.event_timers(), event_due_ms_, chunk, 0, output);
      fire(context_.processing_timers(), processing_due_ms_, chunk, fired, output);
      collector_->flush();
      leave();
      if (has_due_timers()) return Progress::again();
      wake_for_processing_timers();
      output.emit_watermark(context_.watermark());
    }
    event_due_ms_ = processing_due_ms_ = kNothingDue;
    return Progress::more();
  }

  Result<void> snapshot(SnapshotContext& context) override {
    auto work = std::make_unique<KeyedStateWork>();
    Result<void> noted = states_.snapshot(context, *work);
    for (const TimerQueue<K>* timers : {&context_.event_timers(), &context_.processing_timers()}) {
      work->begin_state(timer_schema(*timers));
      write_timers(*timers, *work);
      work->end_state();
    }
    context.write_later(std::move(work));
    return noted;
  }
  void close() override {
    if (std::exchange(is_open_, false)) close_function(function_);
  }

 protected:
  /// Calls body(record) for each row, with the context and the states at its key, between begin and flush of everything
  /// that collects.
  template <class T, class Selector, class Body>
  [[gnu::always_inline]] void run(RowReader<T>& reader, Selector& selector, Batch& batch, Output& output, Body&& body) {
    if (!states_.prepare(batch, selector)) return;
    Collector<R>& collector = *collector_;
    const Block& block = batch.block();
    const RowArea rows(block);
    collector.begin(batch, output);
    context_.begin(batch, output);
    const bool inherits = block.flags != 0;
    for_each_key<K>(
        batch, selector, states_, [&](std::uint32_t row, const KeyAt<K>& at) __attribute__((always_inline)) {
          if (inherits) {
            collector.inherit(block, row);
            context_.set_row(row);
          }
          states_.set_key(at);
          reader.with(rows, row, body);
        });
    collector.flush();
    leave();
  }

  void leave() {
    states_.finish();
    context_.end();
  }

  F function_;
  std::shared_ptr<const SideTags> tags_;
  KeyedContext<K> context_;
  TypedKeyedStates<K> states_;
  std::unique_ptr<Collector<R>> collector_;

 private:
  /// Where a call of ready() stops: at so many timers, or when the collector has handed on so many blocks.
  struct Chunk {
    std::uint32_t fired_max = 0;
    std::uint64_t blocks_max = 0;
  };
  /// @param fired  timers in this call so far
  /// @return       the same behind it
  std::uint32_t fire(TimerQueue<K>& timers, std::int64_t until_ms, const Chunk& chunk, std::uint32_t fired,
                     Output& output) {
    std::int64_t due_ms = 0;
    std::uint64_t hash = 0;
    Owned<KeyView<K>> key;
    while (fired < chunk.fired_max && collector_->blocks() < chunk.blocks_max &&
           timers.pop(until_ms, due_ms, hash, key)) {
      ++fired;
      if (!states_.prepare_key(hash, key.get())) break;
      states_.set_key(hash, key.get());
      if constexpr (requires { function_.on_timer(EventTime{}, context_, *collector_); }) {
        collector_->bind(output);
        collector_->inherit_time(due_ms);
        context_.begin_timer(from_ms(due_ms), output);
        function_.on_timer(from_ms(due_ms), context_, *collector_);
      }
    }
    return fired;
  }
  bool has_due_timers() {
    return context_.event_timers().is_due(event_due_ms_) || context_.processing_timers().is_due(processing_due_ms_);
  }
  void wake_for_processing_timers() {
    if (!context_.processing_timers().empty()) context_.wake_for(context_.processing_timers().earliest());
  }

  KeyedStateSchema timer_schema(const TimerQueue<K>& timers) {
    const bool is_event = &timers == &context_.event_timers();
    KeyedStateSchema made;
    made.name = is_event ? "event timers" : "processing timers";
    made.kind = is_event ? StateKind::event_timers : StateKind::processing_timers;
    made.key_type = TypedKeyedStates<K>::key_schema();
    made.value_type = "time";
    return made;
  }
  void write_timers(const TimerQueue<K>& timers, KeyedStateWork& work) {
    const std::uint32_t max_parallelism = context_.max_parallelism();
    std::vector<std::vector<std::pair<std::int64_t, const KeyView<K>*>>> by_group(max_parallelism);
    timers.for_each([&](std::int64_t time_ms, std::uint64_t hash, const KeyView<K>& key) {
      by_group[key_group_of(hash, max_parallelism)].emplace_back(time_ms, &key);
    });
    for (std::uint32_t group = 0; group < max_parallelism; ++group) {
      for (const auto& [time_ms, key] : by_group[group]) {
        ByteWriter& out = work.entry_of(group);
        encode_value(out, *key);
        out.put(time_ms);
      }
    }
  }
  bool read_timer(ByteReader& in, std::uint32_t group, TimerQueue<K>& timers) {
    KeyView<K> key{};
    std::int64_t time_ms = 0;
    if (!decode_value(in, key) || !in.get(time_ms)) return false;
    const std::uint64_t hash = key_hash(key);
    if (key_group_of(hash, context_.max_parallelism()) != group) return false;
    timers.add(time_ms, hash, key);
    return true;
  }

  static constexpr std::int64_t kNothingDue = INT64_MIN;
  std::int64_t event_due_ms_ = kNothingDue;       // event timers up to here are to be fired
  std::int64_t processing_due_ms_ = kNothingDue;  // the same of processing timers
  bool is_open_ = false;
};

template <class T, class K, class R, class Selector, class F>
class KeyedMapOperator final : public KeyedFunctionOperator<K, R, F> {
 public:
  KeyedMapOperator(F function, Selector selector, std::shared_ptr<const SideTags> tags)
      : KeyedFunctionOperator<K, R, F>(std::move(function), std::move(tags)), selector_(std::move(selector)) {}

  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->run(
        reader_, selector_, batch, output, [&](const T& record) __attribute__((always_inline)) {
          if constexpr (std::is_invocable_v<F&, const T&>) {
            this->collector_->collect(std::invoke(this->function_, record));
          } else {
            this->collector_->collect(std::invoke(this->function_, record, this->context_));
          }
        });
  }

 private:
  Selector selector_;
  RowReader<T> reader_;
};

template <class T, class K, class R, class Selector, class F>
class KeyedFlatMapOperator final : public KeyedFunctionOperator<K, R, F> {
 public:
  KeyedFlatMapOperator(F function, Selector selector, std::shared_ptr<const SideTags> tags)
      : KeyedFunctionOperator<K, R, F>(std::move(function), std::move(tags)), selector_(std::move(selector)) {}

  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->run(
        reader_, selector_, batch, output, [&](const T& record) __attribute__((always_inline)) {
          if constexpr (std::is_invocable_v<F&, const T&, Collector<R>&>) {
            std::invoke(this->function_, record, *this->collector_);
          } else {
            std::invoke(this->function_, record, this->context_, *this->collector_);
          }
        });
  }

 private:
  Selector selector_;
  RowReader<T> reader_;
};

/// Hands on the same block with fewer rows selected.
template <class T, class K, class Selector, class F>
class KeyedFilterOperator final : public KeyedFunctionOperator<K, T, F> {
 public:
  KeyedFilterOperator(F function, Selector selector, std::shared_ptr<const SideTags> tags)
      : KeyedFunctionOperator<K, T, F>(std::move(function), std::move(tags)), selector_(std::move(selector)) {}

  void process(std::uint32_t, Batch& batch, Output& output) override {
    if (!this->states_.prepare(batch, selector_)) return;
    const RowArea rows(batch.block());
    this->context_.begin(batch, output);
    std::uint32_t kept = 0;
    for_each_key<K>(batch, selector_, this->states_, [&](std::uint32_t row, const KeyAt<K>& at) {
      this->context_.set_row(row);
      this->states_.set_key(at);
      bool keep = false;
      reader_.with(
          rows, row, [&](const T& record) __attribute__((always_inline)) {
            if constexpr (std::is_invocable_v<F&, const T&>) {
              keep = static_cast<bool>(std::invoke(this->function_, record));
            } else {
              keep = static_cast<bool>(std::invoke(this->function_, record, this->context_));
            }
          });
      selection_[kept] = static_cast<std::uint16_t>(row);
      kept += keep ? 1 : 0;
    });
    this->leave();
    emit_selected(batch, selection_, kept, output);
  }

 private:
  Selector selector_;
  RowReader<T> reader_;
  std::uint16_t selection_[kBlockRowsMax];
};

template <class T, class K, class R, class Selector, class F>
class KeyedProcessOperator final : public KeyedFunctionOperator<K, R, F> {
 public:
  KeyedProcessOperator(F function, Selector selector, std::shared_ptr<const SideTags> tags)
      : KeyedFunctionOperator<K, R, F>(std::move(function), std::move(tags)), selector_(std::move(selector)) {}

  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->run(
        reader_, selector_, batch, output, [&](const T& record) __attribute__((always_inline)) {
          if constexpr (std::is_invocable_v<F&, const T&, KeyedContext<K>&, Collector<R>&>) {
            std::invoke(this->function_, record, this->context_, *this->collector_);
          } else {
            this->function_.process(record, this->context_, *this->collector_);
          }
        });
  }

 private:
  Selector selector_;
  RowReader<T> reader_;
};

}  // namespace weir::detail

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

/// Rows ahead of the current one whose state is fetched into the caches.
inline constexpr std::uint32_t kPrefetchDistance = 16;
/// So many entries are near without that.
inline constexpr std::size_t kNearEntries = 16 * 1024;

/// Calls body(row, hash, key) for each row, with the state of rows to come on its way. A function that answers keys is
/// asked twice for that, so only where it is worth it.
template <class K, class Selector, class Body>
void for_each_key(const Batch& batch, Selector& selector, const StateTable<K>& table, std::uint64_t* hashes,
                  Body&& body) {
  const RowArea rows(batch.block());
  const std::uint32_t count = batch.count();
  const auto fetch = [&](std::uint32_t i) __attribute__((always_inline)) {
    hashes[i] = key_hash(selector.of_row(rows, batch.row_at(i)));
    table.prefetch(hashes[i]);
  };
  const bool ahead = Selector::kIsField || table.size() > kNearEntries;
  for (std::uint32_t i = 0; ahead && i < count && i < kPrefetchDistance; ++i) fetch(i);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (ahead && i + kPrefetchDistance < count) fetch(i + kPrefetchDistance);
    const std::uint32_t row = batch.row_at(i);
    const KeyView<K> key = selector.of_row(rows, row);
    body(row, ahead ? hashes[i] : key_hash(key), key);
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
    if (!only_last_) collector.begin(batch, output);
    for_each_key<K>(batch, selector_, table, hashes_,
                    [&](std::uint32_t row, std::uint64_t hash, const KeyView<K>& key) {
      if (collector.inherits()) collector.inherit(block, row);
      bool inserted = false;
      auto& kept = *static_cast<Owned<T>*>(table.layout().value(table.find_or_insert(hash, key, inserted), 0));
      const T& record = reader_.read(rows, row);
      if (inserted) {
        kept.assign(record);
      } else {
        kept.assign(std::invoke(function_, kept.get(), record));
      }
      if (!only_last_) collector.collect(kept.get());
    });
    if (!only_last_) collector.flush();
  }
  void end_of_input(std::uint32_t, Output&) override {
    next_group_ = states_.table().groups().first;
    is_emitting_ = only_last_;
  }
  /// Some key groups a time, so that a full output can hold the rest back.
  Result<Progress> ready(Output& output) override {
    StateTable<K>& table = states_.table();
    if (!is_emitting_ || next_group_ == table.groups().last) return Progress::more();
    collector_->bind(output);
    std::uint32_t emitted = 0;
    while (emitted < kBlockRowsMax && next_group_ != table.groups().last) {
      table.for_each_in_group(next_group_++, [&](std::uint8_t* entry) {
        collector_->collect(static_cast<const Owned<T>*>(table.layout().value(entry, 0))->get());
        ++emitted;
      });
    }
    collector_->flush();
    return next_group_ == table.groups().last ? Progress::more() : Progress::blocked_until(0);
  }
  Result<void> snapshot(ByteWriter& out) override {
    states_.snapshot(out);
    return {};
  }
  Result<void> restore(ByteReader& in) override {
    std::string_view bytes;
    in.get_raw(in.remaining(), bytes);
    states_.restore(bytes);
    return {};
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
  std::uint64_t hashes_[kBlockRowsMax];
  bool is_open_ = false;
  bool only_last_ = false;        // a BATCH job
  bool is_emitting_ = false;      // the input has ended
  std::uint32_t next_group_ = 0;  // of those to emit
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
    context_.set_has_on_timer(TakesTimers<F, K, R>);
    is_open_ = true;
    open_function(function_, context_);
    auto sealed = states_.seal(context);
    if (!sealed.ok()) return sealed;
    const KeyGroupRange groups = states_.table().groups();
    for (const std::string& bytes : restored_timers_) {
      ByteReader in(bytes);
      if (!context_.event_timers().restore(in, groups, context.max_parallelism()) ||
          !context_.processing_timers().restore(in, groups, context.max_parallelism()) || !in.at_end()) {
        return state_corrupt("timers");
      }
    }
    restored_timers_ = {};
    if (!context_.processing_timers().empty()) context_.wake_for(context_.processing_timers().earliest());
    return {};
  }

  void on_watermark(EventTime watermark, Output& output) override {
    context_.set_watermark(watermark);
    fire(context_.event_timers(), to_ms(watermark), output);
    output.emit_watermark(watermark);
  }
  void on_timer(std::int64_t, Output& output) override {
    fire(context_.processing_timers(), to_ms(context_.processing_time()), output);
    if (!context_.processing_timers().empty()) context_.wake_for(context_.processing_timers().earliest());
  }

  Result<void> snapshot(ByteWriter& out) override {
    ByteWriter states;
    states_.snapshot(states);
    out.put_text(states.view());
    context_.event_timers().snapshot(out);
    context_.processing_timers().snapshot(out);
    return {};
  }
  Result<void> restore(ByteReader& in) override {
    std::string_view states;
    std::string_view timers;
    if (!in.get_text(states) || !in.get_raw(in.remaining(), timers)) return state_corrupt("");
    states_.restore(states);
    restored_timers_.emplace_back(timers);
    return {};
  }
  void close() override {
    if (std::exchange(is_open_, false)) close_function(function_);
  }

 protected:
  /// Calls body(record) for each row, with the context and the states at its key, between begin and flush of everything
  /// that collects.
  template <class T, class Selector, class Body>
  void run(RowReader<T>& reader, Selector& selector, Batch& batch, Output& output, Body&& body) {
    Collector<R>& collector = *collector_;
    const Block& block = batch.block();
    const RowArea rows(block);
    collector.begin(batch, output);
    context_.begin(batch, output);
    for_each_key<K>(batch, selector, states_.table(), hashes_,
                    [&](std::uint32_t row, std::uint64_t hash, const KeyView<K>& key) {
      if (collector.inherits()) collector.inherit(block, row);
      context_.set_row(row);
      enter(hash, key);
      body(reader.read(rows, row));
    });
    collector.flush();
    context_.end();
  }

  void enter(std::uint64_t hash, const KeyView<K>& key) {
    context_.set_key(hash, key);
    states_.set_key(hash, key);
  }

  F function_;
  std::shared_ptr<const SideTags> tags_;
  KeyedContext<K> context_;
  TypedKeyedStates<K> states_;
  std::unique_ptr<Collector<R>> collector_;
  std::uint64_t hashes_[kBlockRowsMax];

 private:
  void fire(TimerQueue<K>& timers, std::int64_t until_ms, Output& output) {
    std::int64_t due_ms = 0;
    std::uint64_t hash = 0;
    Owned<KeyView<K>> key;
    bool any = false;
    while (timers.pop(until_ms, due_ms, hash, key)) {
      any = true;
      enter(hash, key.get());
      if constexpr (requires { function_.on_timer(EventTime{}, context_, *collector_); }) {
        collector_->bind(output);
        collector_->inherit_time(due_ms);
        context_.begin_timer(from_ms(due_ms), output);
        function_.on_timer(from_ms(due_ms), context_, *collector_);
      }
    }
    if (!any) return;
    collector_->flush();
    context_.end();
  }

  std::vector<std::string> restored_timers_;
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
    const RowArea rows(batch.block());
    this->context_.begin(batch, output);
    std::uint32_t kept = 0;
    for_each_key<K>(batch, selector_, this->states_.table(), this->hashes_,
                    [&](std::uint32_t row, std::uint64_t hash, const KeyView<K>& key) {
      this->context_.set_row(row);
      this->enter(hash, key);
      bool keep = false;
      if constexpr (std::is_invocable_v<F&, const T&>) {
        keep = static_cast<bool>(std::invoke(this->function_, reader_.read(rows, row)));
      } else {
        keep = static_cast<bool>(std::invoke(this->function_, reader_.read(rows, row), this->context_));
      }
      selection_[kept] = static_cast<std::uint16_t>(row);
      kept += keep ? 1 : 0;
    });
    this->context_.end();
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

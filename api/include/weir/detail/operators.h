// Operators around user functions on streams without key: one virtual call per batch, the function inlined in the loop.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "weir/collector.h"
#include "weir/context.h"
#include "weir/detail/row_reader.h"
#include "weir/function.h"
#include "weir/operator.h"

namespace weir::detail {

/// What all of them have: the user's function, opened and closed with the operator. Lives on: the slot's thread.
template <class F>
class FunctionOperator : public Operator {
 public:
  FunctionOperator(F function, std::shared_ptr<const SideTags> tags)
      : function_(std::move(function)), tags_(std::move(tags)) {}

  Result<void> open(OperatorContext& context) override {
    context_.attach(context, tags_, nullptr);
    open_output(context);
    is_open_ = true;
    open_function(function_, context_);
    return {};
  }
  void on_watermark(EventTime watermark, WatermarkOutput& output) override {
    context_.set_watermark(watermark);
    output.emit_watermark(watermark);
  }
  void close() override {
    if (std::exchange(is_open_, false)) close_function(function_);
  }

 protected:
  virtual void open_output(OperatorContext&) {}

  F function_;
  std::shared_ptr<const SideTags> tags_;
  RuntimeContext context_;
  bool is_open_ = false;
};

/// The same with a main output of R.
template <class F, class R>
class CollectingOperator : public FunctionOperator<F> {
 public:
  using FunctionOperator<F>::FunctionOperator;

 protected:
  void open_output(OperatorContext& context) override { collector_ = std::make_unique<Collector<R>>(context); }

  /// Calls body(record, row) for each row between begin and flush of everything that collects.
  template <class T, class Body>
  void run(RowReader<T>& reader, Batch& batch, Output& output, Body&& body) {
    Collector<R>& collector = *collector_;
    collector.begin(batch, output);
    this->context_.begin(batch, output);
    const bool inherits = collector.inherits();
    reader.for_each(
        batch, [&](const T& record, std::uint32_t row) __attribute__((always_inline)) {
          if (inherits) [[unlikely]]
            collector.inherit(batch.block(), row);
          this->context_.set_row(row);
          body(record);
        });
    collector.flush();
    this->context_.end();
  }

  std::unique_ptr<Collector<R>> collector_;
};

template <class T, class R, class F>
class MapOperator final : public CollectingOperator<F, R> {
 public:
  using CollectingOperator<F, R>::CollectingOperator;
  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->run(
        reader_, batch, output, [&](const T& record) __attribute__((always_inline)) {
          if constexpr (std::is_invocable_v<F&, const T&>) {
            this->collector_->collect(std::invoke(this->function_, record));
          } else {
            this->collector_->collect(std::invoke(this->function_, record, this->context_));
          }
        });
  }

 private:
  RowReader<T> reader_;
};

template <class T, class R, class F>
class FlatMapOperator final : public CollectingOperator<F, R> {
 public:
  using CollectingOperator<F, R>::CollectingOperator;
  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->run(
        reader_, batch, output, [&](const T& record) __attribute__((always_inline)) {
          if constexpr (std::is_invocable_v<F&, const T&, Collector<R>&>) {
            std::invoke(this->function_, record, *this->collector_);
          } else {
            std::invoke(this->function_, record, this->context_, *this->collector_);
          }
        });
  }

 private:
  RowReader<T> reader_;
};

template <class T, class R, class F>
class ProcessOperator final : public CollectingOperator<F, R> {
 public:
  using CollectingOperator<F, R>::CollectingOperator;
  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->run(
        reader_, batch, output, [&](const T& record) __attribute__((always_inline)) {
          if constexpr (std::is_invocable_v<F&, const T&, RuntimeContext&, Collector<R>&>) {
            std::invoke(this->function_, record, this->context_, *this->collector_);
          } else {
            this->function_.process(record, this->context_, *this->collector_);
          }
        });
  }

 private:
  RowReader<T> reader_;
};

/// Hands on the same block with fewer rows selected; what is taken from that batch is taken from the first.
inline void emit_selected(Batch& batch, const std::uint16_t* selection, std::uint32_t kept, Output& output) {
  if (kept == batch.count()) {
    output.emit(batch);
  } else if (kept > 0) {
    Batch rest(const_cast<Block*>(&batch.block()), selection, kept);
    output.emit(rest);
    if (rest.taken()) batch.take();
  }
}

/// Copies nothing: hands on the same block with fewer rows selected.
template <class T, class F>
class FilterOperator final : public FunctionOperator<F> {
 public:
  using FunctionOperator<F>::FunctionOperator;
  void process(std::uint32_t, Batch& batch, Output& output) override {
    this->context_.begin(batch, output);
    std::uint32_t kept = 0;
    reader_.for_each(
        batch, [&](const T& record, std::uint32_t row) __attribute__((always_inline)) {
          bool keep = false;
          if constexpr (std::is_invocable_v<F&, const T&>) {
            keep = static_cast<bool>(std::invoke(this->function_, record));
          } else {
            this->context_.set_row(row);
            keep = static_cast<bool>(std::invoke(this->function_, record, this->context_));
          }
          selection_[kept] = static_cast<std::uint16_t>(row);
          kept += keep ? 1 : 0;
        });
    this->context_.end();
    emit_selected(batch, selection_, kept, output);
  }

 private:
  RowReader<T> reader_;
  std::uint16_t selection_[kBlockRowsMax];
};

}  // namespace weir::detail

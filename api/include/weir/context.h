// RuntimeContext: what a user function knows and may use while it runs.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/collector.h"
#include "weir/detail/text_arena.h"
#include "weir/operator.h"
#include "weir/side_output.h"
#include "weir/state.h"
#include "weir/text.h"
#include "weir/time.h"

namespace weir {

class Parameters;

namespace detail {

/// A side output as the graph knows it; filled while the graph is built, read by the operators.
struct SideTag {
  std::string name;
  std::string schema;
};
using SideTags = std::vector<SideTag>;

class SideOutput {
 public:
  virtual ~SideOutput() = default;
  virtual void begin(const Batch& batch, Output& output) = 0;
  virtual void begin_timer(std::int64_t time_ms, Output& output) = 0;
  virtual void flush() = 0;
};

template <class T>
class TypedSideOutput final : public SideOutput {
 public:
  TypedSideOutput(OperatorContext& context, std::uint32_t index) : collector_(context, index) {}
  void begin(const Batch& batch, Output& output) override { collector_.begin(batch, output); }
  void begin_timer(std::int64_t time_ms, Output& output) override {
    collector_.bind(output);
    collector_.inherit_time(time_ms);
  }
  void flush() override { collector_.flush(); }
  Collector<T>& collector() { return collector_; }

 private:
  Collector<T> collector_;
};

[[noreturn]] void throw_wrong_side_type(std::string_view tag, std::string_view declared, std::string_view used);

}  // namespace detail

/// Lives on: the slot's thread; belongs to the operator and outlives the user's function in it.
class RuntimeContext {
 public:
  RuntimeContext() = default;
  RuntimeContext(const RuntimeContext&) = delete;
  RuntimeContext& operator=(const RuntimeContext&) = delete;

  std::string_view job_name() const { return context_->job_name(); }
  /// The chain that the function runs in: "Source: lines -> Map".
  std::string_view task_name() const { return context_->task_name(); }
  std::string_view operator_name() const { return context_->operator_name(); }
  std::uint32_t subtask_index() const { return context_->subtask_index(); }
  std::uint32_t parallelism() const { return context_->parallelism(); }
  std::uint32_t max_parallelism() const { return context_->max_parallelism(); }
  /// Counts from 0: how often this task was tried before.
  std::uint32_t attempt() const { return context_->attempt(); }
  /// The job's configuration value of a key; empty when it is not set.
  std::string_view setting(std::string_view key) const { return context_->setting(key); }

  /// A counter among the operator's metrics; the same for the same name. Keep the reference.
  Counter& counter(std::string_view name) { return *context_->counter(name); }
  /// A gauge among the operator's metrics: what was set last is what is shown. The same for the same name. Keep the
  /// reference.
  Gauge& gauge(std::string_view name) { return *context_->gauge(name); }
  /// What env.set_global_job_parameters() was given; include weir/parameters.h to read it.
  Parameters job_parameters() const;
  /// Writes a line into the TaskManager's log, with the task and the operator in front.
  void log(LogLevel level, std::string_view text) { context_->log(level, text); }

  /// Copies bytes, so that a record may carry them as Text into a collector during this call.
  Text text(std::string_view bytes) { return texts_.copy(bytes); }

  /// The record has an event time.
  bool has_timestamp() const { return timestamp() != kBeginningOfTime; }
  /// Event time of the record or timer that is being processed; kBeginningOfTime when it has none.
  EventTime timestamp() const {
    if (batch_ != nullptr) return from_ms(batch_->timestamp_ms(row_));
    return timer_time_;
  }
  /// No later record should have an event time at or below this.
  EventTime watermark() const { return watermark_; }
  /// The machine's time, read once per batch.
  EventTime processing_time() const { return from_ms(context_->wall_ms()); }

  /// Writes to a side output. Nothing happens when no stream was made of the tag.
  /// Errors: std::logic_error when the tag's stream has another type.
  template <class T>
  void output(const OutputTag<T>& tag, const T& value) {
    if (Collector<T>* collector = side_collector(tag)) {
      if (collector->inherits() && batch_ != nullptr) collector->inherit(batch_->block(), row_);
      collector->collect(value);
    }
  }

  /// The state of that name; to be asked for in open().
  /// Errors: std::logic_error on a stream without key, after open(), and for a name that another type has.
  template <class V>
  ValueState<V> value_state(std::string_view name) {
    if (states_ == nullptr) detail::throw_not_keyed(name);
    return ValueState<V>(*states_, states_->declare(detail::declare_state<V>(name)));
  }

  // For operators.

  void attach(OperatorContext& context, std::shared_ptr<const detail::SideTags> tags, detail::KeyedStates* states) {
    context_ = &context;
    tags_ = std::move(tags);
    states_ = states;
  }
  OperatorContext& operator_context() { return *context_; }
  void begin(const Batch& batch, Output& output) {
    batch_ = &batch;
    output_ = &output;
    for (Side& side : sides_) side.output->begin(batch, output);
  }
  void set_row(std::uint32_t row) { row_ = row; }
  void begin_timer(EventTime time, Output& output) {
    batch_ = nullptr;
    output_ = &output;
    timer_time_ = time;
    for (Side& side : sides_) side.output->begin_timer(to_ms(time), output);
  }
  void end() {
    for (Side& side : sides_) side.output->flush();
    batch_ = nullptr;
    timer_time_ = kBeginningOfTime;
    texts_.clear();
  }
  void set_watermark(EventTime watermark) { watermark_ = watermark; }

 private:
  struct Side {
    std::string name;
    std::string schema;
    std::unique_ptr<detail::SideOutput> output;
  };

  /// A tag that was used before, and its collector; null where nobody reads it.
  struct KnownTag {
    std::uint64_t id;
    void* collector;
  };
  /// More tags than that are made for each record, not kept.
  static constexpr std::size_t kKnownTagsMax = 64;

  template <class T>
  Collector<T>* side_collector(const OutputTag<T>& tag) {
    for (const KnownTag& known : known_tags_)
      if (known.id == tag.id()) return static_cast<Collector<T>*>(known.collector);
    Collector<T>* const collector = find_side_collector<T>(tag.name());
    if (known_tags_.size() < kKnownTagsMax) known_tags_.push_back({tag.id(), collector});
    return collector;
  }

  template <class T>
  Collector<T>* find_side_collector(std::string_view tag) {
    for (Side& side : sides_) {
      if (side.name == tag) {
        if (side.schema != schema_of<T>()) detail::throw_wrong_side_type(tag, side.schema, schema_of<T>());
        return &static_cast<detail::TypedSideOutput<T>*>(side.output.get())->collector();
      }
    }
    if (tags_ == nullptr) return nullptr;
    for (std::size_t i = 0; i < tags_->size(); ++i) {
      if ((*tags_)[i].name != tag) continue;
      if ((*tags_)[i].schema != schema_of<T>()) detail::throw_wrong_side_type(tag, (*tags_)[i].schema, schema_of<T>());
      auto made = std::make_unique<detail::TypedSideOutput<T>>(*context_, static_cast<std::uint32_t>(i + 1));
      if (batch_ != nullptr) {
        made->begin(*batch_, *output_);
      } else {
        made->begin_timer(to_ms(timer_time_), *output_);
      }
      Collector<T>* collector = &made->collector();
      sides_.push_back({std::string(tag), schema_of<T>(), std::move(made)});
      return collector;
    }
    return nullptr;
  }
  template <class T>
  static const std::string& schema_of() {
    static const std::string text = schema_text(type_of<T>());
    return text;
  }

  OperatorContext* context_ = nullptr;
  std::shared_ptr<const detail::SideTags> tags_;
  detail::KeyedStates* states_ = nullptr;
  std::vector<Side> sides_;
  std::vector<KnownTag> known_tags_;
  detail::TextArena texts_;
  EventTime watermark_ = kBeginningOfTime;
  // The batch or timer that is being processed.
  const Batch* batch_ = nullptr;
  Output* output_ = nullptr;
  std::uint32_t row_ = 0;
  EventTime timer_time_ = kBeginningOfTime;
};

}  // namespace weir

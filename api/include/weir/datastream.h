// DataStream: the calls that a job's build function makes. Each adds an operator to the environment's graph; nothing
// runs here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/detail/key_reader.h"
#include "weir/detail/keyed_operators.h"
#include "weir/detail/operators.h"
#include "weir/function.h"
#include "weir/sink.h"
#include "weir/source.h"
#include "weir/stream_graph.h"

namespace weir {

template <class T>
class DataStream;
template <class T>
class SingleOutput;
template <class T, class K, class Selector>
class KeyedStream;
template <class A, class B>
class ConnectedStreams;

namespace detail {

inline EdgeNode edge_from(std::uint32_t source, std::uint32_t output) {
  EdgeNode edge;
  edge.source = source;
  edge.output = output;
  return edge;
}
OperatorNode& add_operator(StreamGraph& graph, OperatorRole role, std::string kind, std::string name,
                           std::vector<EdgeNode> inputs);
/// Errors: std::invalid_argument with a sentence.
void set_node_uid(OperatorNode& node, std::string uid);
void set_node_parallelism(OperatorNode& node, int parallelism);
void set_node_max_parallelism(OperatorNode& node, int max_parallelism);
void set_node_slot_sharing_group(OperatorNode& node, std::string group);
[[noreturn]] void throw_other_environment(const char* call);
[[noreturn]] void throw_no_dead_letter(const std::string& source);
[[noreturn]] void throw_tag_taken(const std::string& tag);

/// Reports a type that does not fit; a type that nobody knows has been reported already.
template <class R>
constexpr bool fits_or_unknown() {
  if constexpr (std::is_same_v<R, Deduced>) {
    return false;
  } else {
    return CheckType<R>::kFits;
  }
}

template <class T>
OutputNode output_node(std::string tag = {}) {
  return {std::move(tag), schema_text(type_of<T>()), RowCodec<T>::layout()};
}

/// What a call answers whose mistake has been reported: takes every further call, so that one mistake is one line.
class BrokenStream {
 public:
  template <class Any>
  operator Any() const;  // NOLINT: never defined; nothing with a mistake in it is linked
  template <class...>
  BrokenStream map(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream filter(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream flat_map(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream process(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream key_by(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream reduce(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream connect(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream partition_custom(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream union_with(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream forward(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream rebalance(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream rescale(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream shuffle(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream broadcast(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream global(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream side_output(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream bad_records(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream sink_to(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream name(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream uid(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream set_parallelism(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream set_max_parallelism(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream slot_sharing_group(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream start_new_chain(auto&&...) const {
    return {};
  }
  template <class...>
  BrokenStream disable_chaining(auto&&...) const {
    return {};
  }
};

/// What can be said about an operator after it was made. Every call changes the graph and answers the object itself.
template <class Self>
class OperatorSettings {
 public:
  OperatorSettings(StreamGraph& graph, std::uint32_t id) : graph_(&graph), id_(id) {}

  /// For people: in plans, logs and metrics.
  Self& name(std::string name) {
    node().name = std::move(name);
    return self();
  }
  /// Identifies the operator's state over changes of the job. Unique within the job.
  Self& uid(std::string uid) {
    set_node_uid(node(), std::move(uid));
    return self();
  }
  /// Subtasks of this operator; else the job's parallelism.
  Self& set_parallelism(int parallelism) {
    set_node_parallelism(node(), parallelism);
    return self();
  }
  /// Key groups of this operator: the most that its parallelism can ever be.
  Self& set_max_parallelism(int max_parallelism) {
    set_node_max_parallelism(node(), max_parallelism);
    return self();
  }
  /// Operators of one group may share a slot; the job gets as many slots as the sum of its groups' widest operators.
  /// "default" unless said.
  Self& slot_sharing_group(std::string group) {
    set_node_slot_sharing_group(node(), std::move(group));
    return self();
  }
  /// Not chained to what is before it.
  Self& start_new_chain() {
    node().chaining = Chaining::head;
    return self();
  }
  /// Chained neither to what is before it nor to what is behind it.
  Self& disable_chaining() {
    node().chaining = Chaining::never;
    return self();
  }
  std::uint32_t operator_id() const { return id_; }

 protected:
  OperatorNode& node() const { return graph_->operators[id_ - 1]; }

 private:
  Self& self() { return static_cast<Self&>(*this); }
  StreamGraph* graph_;
  std::uint32_t id_;
};

}  // namespace detail

/// The end of a stream.
class StreamSink : public detail::OperatorSettings<StreamSink> {
 public:
  using OperatorSettings::OperatorSettings;
};

/// A stream of records T: where they come from, and how they are spread over what comes next. A value; copies mean the
/// same stream. Lives on: the thread of the build function, and no longer than its environment.
template <class T>
class DataStream {
 public:
  using Record = T;

  DataStream(StreamGraph& graph, std::vector<EdgeNode> upstream) : graph_(&graph), upstream_(std::move(upstream)) {}

  /// One record for each: `R function(const T&)`, or with RuntimeContext& behind it.
  template <class F>
  auto map(F function) const {
    using Check = detail::CheckMap<F, T>;
    if constexpr (kFits && detail::accepted<Check, detail::CheckWithoutTimers<F, RuntimeContext>>()) {
      using R = typename Check::R;
      if constexpr (detail::CheckType<R>::kFits) {
        return add<R, detail::MapOperator<T, R, typename Check::Function>>("Map", Check::function(std::move(function)));
      } else {
        return detail::BrokenStream();
      }
    } else {
      return detail::BrokenStream();
    }
  }

  /// The records for which `bool function(const T&)` is true.
  template <class F>
  auto filter(F function) const {
    using Check = detail::CheckFilter<F, T>;
    if constexpr (kFits && detail::accepted<Check, detail::CheckWithoutTimers<F, RuntimeContext>>()) {
      return add<T, detail::FilterOperator<T, typename Check::Function>>("Filter",
                                                                         Check::function(std::move(function)));
    } else {
      return detail::BrokenStream();
    }
  }

  /// Any number of records for each: `void function(const T&, Collector<R>&)`. Write flat_map<R>(...) for a generic
  /// lambda.
  template <class Out = detail::Deduced, class F>
  auto flat_map(F function) const {
    using Check = detail::CheckFlatMap<F, T, Out>;
    using R = typename Check::R;
    if constexpr (kFits && detail::accepted<Check, detail::CheckWithoutTimers<F, RuntimeContext>>() &&
                  detail::fits_or_unknown<R>()) {
      return add<R, detail::FlatMapOperator<T, R, typename Check::Function>>("Flat Map",
                                                                             Check::function(std::move(function)));
    } else {
      return detail::BrokenStream();
    }
  }

  /// Any number of records for each, with times, counters and side outputs: `void function(const T&, RuntimeContext&,
  /// Collector<R>&)`, as call operator or as a member called process.
  template <class Out = detail::Deduced, class F>
  auto process(F function) const {
    using Check = detail::CheckProcess<F, T, RuntimeContext, Out>;
    using R = typename Check::R;
    if constexpr (kFits && detail::accepted<Check, detail::CheckWithoutTimers<F, RuntimeContext>>() &&
                  detail::fits_or_unknown<R>()) {
      return add<R, detail::ProcessOperator<T, R, F>>("Process", std::move(function));
    } else {
      return detail::BrokenStream();
    }
  }

  /// The same stream, by key: records of one key go to one subtask, in the order in which each producer sent them.
  /// @param selector  `&T::field`, or a function `K (const T&)` that returns the same key for the same record whenever
  /// it is asked
  template <class F>
  auto key_by(F selector) const {
    if constexpr (kFits && detail::CheckKey<T, F>::kFits) {
      using Selector = detail::SelectorOf<T, F>;
      return keyed<typename Selector::Key>(Selector(std::move(selector)));
    } else {
      return detail::BrokenStream();
    }
  }

  /// The same stream, each record to the subtask that a function of its key names.
  /// @param partitioner  `int (const K&, int subtasks)`: the subtask's index, from 0; another number fails the task. A
  /// text key comes as weir::Text.
  /// @param selector     the key, as for key_by
  template <class P, class F>
  auto partition_custom(P partitioner, F selector) const {
    if constexpr (kFits && detail::CheckKey<T, F>::kFits) {
      using Selector = detail::SelectorOf<T, F>;
      if constexpr (detail::CheckPartitioner<P, typename Selector::View>::kCallable) {
        DataStream changed = spread(PartitionerKind::custom);
        for (EdgeNode& edge : changed.upstream_) {
          edge.key_schema = detail::TypedKeyedStates<typename Selector::Key>::key_schema();
          edge.make_router = [selector = Selector(selector), partitioner] {
            return std::make_unique<detail::CustomRouter<Selector, P>>(selector, partitioner);
          };
        }
        return changed;
      } else {
        return detail::BrokenStream();
      }
    } else {
      return detail::BrokenStream();
    }
  }

  /// This stream and one of another type into one operator: weir/connected_streams.h says with what functions.
  template <class B>
  ConnectedStreams<T, B> connect(const DataStream<B>& other) const;
  detail::BrokenStream connect(const detail::BrokenStream&) const { return {}; }

  /// This stream and others of the same type as one. Order holds within each only.
  template <class... Others>
  DataStream union_with(const DataStream& other, const Others&... others) const {
    DataStream all = *this;
    all.append(other);
    (all.append(others), ...);
    return all;
  }

  /// How records are spread over the subtasks of what comes next. Without any: one to one where the parallelism is the
  /// same, else evenly.
  DataStream forward() const {
    return spread(PartitionerKind::forward);
  }  ///< one to one; refused where the parallelism changes
  DataStream rebalance() const { return spread(PartitionerKind::rebalance); }  ///< evenly over all
  DataStream rescale() const { return spread(PartitionerKind::rescale); }      ///< evenly over a share of them
  DataStream shuffle() const { return spread(PartitionerKind::shuffle); }      ///< at random
  DataStream broadcast() const { return spread(PartitionerKind::broadcast); }  ///< every record to every subtask
  DataStream global() const { return spread(PartitionerKind::global); }        ///< all to the first

  /// Ends the stream in a sink: an object of a class that derives from Sink<T>.
  template <class S>
  StreamSink sink_to(S sink) const {
    static_assert(
        requires { typename S::Record; }, "weir: sink_to() takes an object of a class that derives from weir::Sink<T>");
    if constexpr (requires { typename S::Record; }) {
      static_assert(std::is_same_v<typename S::Record, T>,
                    "weir: this sink takes records of another type than the stream has");
      if constexpr (kFits && std::is_same_v<typename S::Record, T>) {
        auto kept = std::make_shared<const S>(std::move(sink));
        OperatorNode& node = detail::add_operator(*graph_, OperatorRole::sink, "Sink", kept->name(), upstream_);
        node.make_operator = [kept] { return kept->make_writer(); };
        return StreamSink(*graph_, node.id);
      }
    }
    return StreamSink(*graph_, 0);
  }

  const std::vector<EdgeNode>& upstream() const { return upstream_; }
  StreamGraph& graph() const { return *graph_; }

 protected:
  static constexpr bool kFits = detail::CheckType<T>::kFits;

  template <class R, class Op, class F>
  SingleOutput<R> add(const char* kind, F function) const {
    auto tags = std::make_shared<detail::SideTags>();
    OperatorNode& node = detail::add_operator(*graph_, OperatorRole::transform, kind, kind, upstream_);
    node.outputs.push_back(detail::output_node<R>());
    node.make_operator = [function = std::move(function), tags] { return std::make_unique<Op>(function, tags); };
    return SingleOutput<R>(*graph_, node.id, std::move(tags));
  }

 private:
  template <class K, class Selector>
  KeyedStream<T, K, Selector> keyed(Selector selector) const {
    std::vector<EdgeNode> upstream = upstream_;
    for (EdgeNode& edge : upstream) {
      edge.partitioner = PartitionerKind::hash;
      edge.strict = false;
      edge.make_router = nullptr;
      edge.key_schema = detail::TypedKeyedStates<K>::key_schema();
      edge.make_key_hasher = [selector] { return std::make_unique<detail::SelectorHasher<Selector>>(selector); };
    }
    return KeyedStream<T, K, Selector>(*graph_, std::move(upstream), std::move(selector));
  }
  DataStream spread(PartitionerKind kind) const {
    DataStream changed = *this;
    for (EdgeNode& edge : changed.upstream_) {
      edge.partitioner = kind;
      edge.strict = kind == PartitionerKind::forward;
      edge.key_schema.clear();
      edge.make_key_hasher = nullptr;
      edge.make_router = nullptr;
    }
    return changed;
  }
  void append(const DataStream& other) {
    if (other.graph_ != graph_) detail::throw_other_environment("union_with");
    upstream_.insert(upstream_.end(), other.upstream_.begin(), other.upstream_.end());
  }

  StreamGraph* graph_;
  std::vector<EdgeNode> upstream_;
};

/// The stream out of an operator that was just made, so its settings can be changed.
template <class T>
class SingleOutput : public DataStream<T>, public detail::OperatorSettings<SingleOutput<T>> {
 public:
  SingleOutput(StreamGraph& graph, std::uint32_t id, std::shared_ptr<detail::SideTags> tags)
      : DataStream<T>(graph, {detail::edge_from(id, 0)}),
        detail::OperatorSettings<SingleOutput<T>>(graph, id),
        tags_(std::move(tags)) {}

  /// What the operator's function writes with `context.output(tag, ...)`.
  /// Errors: std::invalid_argument when the operator has a side output of that name and another type, or is a source.
  template <class R>
  DataStream<R> side_output(const OutputTag<R>& tag) const {
    if (tags_ == nullptr) detail::throw_tag_taken(tag.name());
    OutputNode wanted = detail::output_node<R>(tag.name());
    std::uint32_t index = 0;
    for (std::uint32_t i = 0; i < tags_->size(); ++i) {
      if ((*tags_)[i].name != tag.name()) continue;
      if ((*tags_)[i].schema != wanted.schema) detail::throw_tag_taken(tag.name());
      index = i + 1;
    }
    if (index == 0) {
      tags_->push_back({tag.name(), wanted.schema});
      this->node().outputs.push_back(std::move(wanted));
      index = static_cast<std::uint32_t>(tags_->size());
    }
    return DataStream<R>(this->graph(), {detail::edge_from(this->operator_id(), index)});
  }

  /// Of a source with OnBadRecord::dead_letter: the records that could not be decoded.
  /// Errors: std::invalid_argument when the source was not told to hand them on.
  DataStream<BadRecord> bad_records() const {
    const OperatorNode& node = this->node();
    if (node.role != OperatorRole::source || node.outputs.size() < 2) detail::throw_no_dead_letter(node.name);
    return DataStream<BadRecord>(this->graph(), {detail::edge_from(this->operator_id(), 1)});
  }

 private:
  std::shared_ptr<detail::SideTags> tags_;
};

/// A stream by key, with a state per key. Lives on: as DataStream.
template <class T, class K, class Selector>
class KeyedStream : public DataStream<T> {
 public:
  using Key = K;

  KeyedStream(StreamGraph& graph, std::vector<EdgeNode> upstream, Selector selector)
      : DataStream<T>(graph, std::move(upstream)), selector_(std::move(selector)) {}

  /// With another keyed stream, whose keys are of the same type: both functions share the state of a key.
  template <class B, class KeyB, class SelectorB>
  auto connect(const KeyedStream<B, KeyB, SelectorB>& other) const;
  using DataStream<T>::connect;

  /// Folds the records of each key: `T function(const T& so_far, const T& next)`. Emits the new value for every record;
  /// the first one of a key as it is.
  template <class F>
  auto reduce(F function) const {
    using Check = detail::CheckReduce<F, T>;
    if constexpr (detail::accepted<Check, detail::CheckWithoutTimers<F, RuntimeContext>>()) {
      OperatorNode& node = add_node<T>("Keyed Reduce");
      node.make_operator = [function = Check::function(std::move(function)), selector = selector_] {
        return std::make_unique<detail::ReduceOperator<T, K, Selector, typename Check::Function>>(function, selector);
      };
      return SingleOutput<T>(this->graph(), node.id, std::make_shared<detail::SideTags>());
    } else {
      return detail::BrokenStream();
    }
  }

  // As on a stream without key, and a function object with open() may have states per key.

  template <class F>
  auto map(F function) const {
    if constexpr (detail::kHasOpen<F>) {
      using Check = detail::CheckMap<F, T>;
      if constexpr (detail::accepted<Check, detail::CheckWithoutTimers<F, KeyedContext<K>>>()) {
        using R = typename Check::R;
        if constexpr (detail::CheckType<R>::kFits) {
          return add_keyed<R, detail::KeyedMapOperator<T, K, R, Selector, typename Check::Function>>(
              "Keyed Map", Check::function(std::move(function)));
        } else {
          return detail::BrokenStream();
        }
      } else {
        return detail::BrokenStream();
      }
    } else {
      return DataStream<T>::map(std::move(function));
    }
  }
  template <class F>
  auto filter(F function) const {
    if constexpr (detail::kHasOpen<F>) {
      using Check = detail::CheckFilter<F, T>;
      if constexpr (detail::accepted<Check, detail::CheckWithoutTimers<F, KeyedContext<K>>>()) {
        return add_keyed<T, detail::KeyedFilterOperator<T, K, Selector, typename Check::Function>>(
            "Keyed Filter", Check::function(std::move(function)));
      } else {
        return detail::BrokenStream();
      }
    } else {
      return DataStream<T>::filter(std::move(function));
    }
  }
  template <class Out = detail::Deduced, class F>
  auto flat_map(F function) const {
    if constexpr (detail::kHasOpen<F>) {
      using Check = detail::CheckFlatMap<F, T, Out>;
      using R = typename Check::R;
      if constexpr (detail::accepted<Check, detail::CheckWithoutTimers<F, KeyedContext<K>>>() &&
                    detail::fits_or_unknown<R>()) {
        return add_keyed<R, detail::KeyedFlatMapOperator<T, K, R, Selector, typename Check::Function>>(
            "Keyed Flat Map", Check::function(std::move(function)));
      } else {
        return detail::BrokenStream();
      }
    } else {
      return DataStream<T>::template flat_map<Out>(std::move(function));
    }
  }

  /// Any number of records for each, with a state per key and timers: `void process(const T&, KeyedContext<K>&,
  /// Collector<R>&)`, as a member or as call operator; and `void on_timer(EventTime, KeyedContext<K>&, Collector<R>&)`
  /// where timers are used.
  template <class Out = detail::Deduced, class F>
  auto process(F function) const {
    using Check = detail::CheckProcess<F, T, KeyedContext<K>, Out>;
    using R = typename Check::R;
    if constexpr (detail::accepted<Check, detail::CheckWithTimers<F, K, R>>() && detail::fits_or_unknown<R>()) {
      return add_keyed<R, detail::KeyedProcessOperator<T, K, R, Selector, F>>("Keyed Process", std::move(function));
    } else {
      return detail::BrokenStream();
    }
  }

 private:
  template <class, class, class>
  friend class KeyedStream;
  template <class R>
  OperatorNode& add_node(const char* kind) const {
    OperatorNode& node = detail::add_operator(this->graph(), OperatorRole::transform, kind, kind, this->upstream());
    node.stateful = true;
    node.outputs.push_back(detail::output_node<R>());
    return node;
  }
  template <class R, class Op, class F>
  SingleOutput<R> add_keyed(const char* kind, F function) const {
    auto tags = std::make_shared<detail::SideTags>();
    OperatorNode& node = add_node<R>(kind);
    node.make_operator = [function = std::move(function), selector = selector_, tags] {
      return std::make_unique<Op>(function, selector, tags);
    };
    return SingleOutput<R>(this->graph(), node.id, std::move(tags));
  }
  Selector selector_;
};

}  // namespace weir

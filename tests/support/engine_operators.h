// Operators made by hand, for tests and benchmarks of the engine that need no job library. One record: three numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "weir/key_group.h"
#include "weir/operator.h"
#include "weir/stream_graph.h"
#include "weir/type_info.h"

namespace weir::test {

struct Row {
  std::uint64_t key = 0;
  std::uint64_t value = 0;
  std::int64_t time = 0;
};

inline constexpr std::string_view kRowSchema = "record Row{key:uint64,value:uint64,time:int64}";

inline RowLayout row_layout() {
  RowLayout layout;
  layout.stride = sizeof(Row);
  layout.plain = true;
  layout.schema_id = schema_id(kRowSchema);
  return layout;
}

inline Row* rows_of(Block& block) { return reinterpret_cast<Row*>(block.fixed()); }
inline const Row* rows_of(const Block& block) { return reinterpret_cast<const Row*>(block.fixed()); }

/// A block that is filled row by row and emitted when it is full.
class RowWriter {
 public:
  explicit RowWriter(BlockPool& pool) : pool_(pool) {}
  ~RowWriter() {
    if (block_ != nullptr) pool_.give(block_);
  }
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  void add(const Row& row, Output& output) {
    if (block_ == nullptr) {
      block_ = pool_.take(kBlockCapacity);
      block_->reset(row_layout(), 0);
    }
    rows_of(*block_)[block_->rows++] = row;
    if (block_->rows == kBlockRowsMax) flush(output);
  }
  void flush(Output& output) {
    if (block_ == nullptr || block_->rows == 0) return;
    block_->fixed_bytes = block_->rows * sizeof(Row);
    Batch batch(block_);
    output.emit(batch);
    if (batch.taken()) {
      block_ = nullptr;
    } else {
      block_->reset(row_layout(), 0);
    }
  }

 private:
  BlockPool& pool_;
  Block* block_ = nullptr;
};

/// Makes rows from a function of subtask and number; ends after `count`, or never with 0.
class RowSource final : public SourceReader {
 public:
  using Make = std::function<Row(std::uint32_t subtask, std::uint64_t number)>;
  RowSource(std::uint64_t count, std::uint32_t rows_per_poll, Make make, std::int64_t pause_ms = 0)
      : count_(count), rows_per_poll_(rows_per_poll), pause_ms_(pause_ms), make_(std::move(make)) {}

  Result<void> open(OperatorContext& context) override {
    context_ = &context;
    writer_ = std::make_unique<RowWriter>(context.pool());
    return {};
  }
  Result<Progress> poll(SourceOutput& output) override {
    for (std::uint32_t row = 0; row < rows_per_poll_ && (count_ == 0 || made_ < count_); ++row)
      writer_->add(make_(context_->subtask_index(), made_++), output);
    writer_->flush(output);
    if (count_ != 0 && made_ == count_) return Progress::finished();
    return pause_ms_ == 0 ? Progress::more() : Progress::blocked_until(context_->now_ms() + pause_ms_);
  }

 private:
  const std::uint64_t count_;
  const std::uint32_t rows_per_poll_;
  const std::int64_t pause_ms_;
  const Make make_;
  OperatorContext* context_ = nullptr;
  std::unique_ptr<RowWriter> writer_;
  std::uint64_t made_ = 0;
};

/// Calls a function for every row and passes on what it leaves.
class RowMap final : public Operator {
 public:
  using Map = std::function<void(Row&)>;
  explicit RowMap(Map map) : map_(std::move(map)) {}
  Result<void> open(OperatorContext& context) override {
    writer_ = std::make_unique<RowWriter>(context.pool());
    return {};
  }
  void process(std::uint32_t, Batch& batch, Output& output) override {
    batch.for_each_row([&](std::uint32_t index) {
      Row row = rows_of(batch.block())[index];
      map_(row);
      writer_->add(row, output);
    });
    writer_->flush(output);
  }

 private:
  const Map map_;
  std::unique_ptr<RowWriter> writer_;
};

/// Keeps the rows for which a function answers true, by a selection.
class RowFilter final : public Operator {
 public:
  using Keep = std::function<bool(const Row&)>;
  explicit RowFilter(Keep keep) : keep_(std::move(keep)) {}
  void process(std::uint32_t, Batch& batch, Output& output) override {
    std::uint32_t count = 0;
    batch.for_each_row([&](std::uint32_t index) {
      if (keep_(rows_of(batch.block())[index])) selection_[count++] = static_cast<std::uint16_t>(index);
    });
    Batch kept(const_cast<Block*>(&batch.block()), selection_, count);
    output.emit(kept);
    if (kept.taken()) batch.take();
  }

 private:
  const Keep keep_;
  std::uint16_t selection_[kBlockRowsMax];
};

/// What sinks of one test have seen, together.
struct Seen {
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    friend bool operator==(const Sum&, const Sum&) = default;
  };
  std::mutex mutex;
  std::map<std::uint64_t, Sum> by_key;
  std::map<std::uint64_t, std::vector<std::uint32_t>> subtasks_by_key;
  std::map<std::uint32_t, std::uint64_t> rows_by_subtask;
  std::vector<std::int64_t> watermarks;  ///< of subtask 0
  std::uint64_t batches = 0;
  bool is_in_order = true;  ///< per subtask and key, values rose
};

/// Folds rows per key and tells at its end; blocks while `is_stopped` answers true.
class FoldSink final : public Operator {
 public:
  FoldSink(std::shared_ptr<Seen> seen, std::function<bool()> is_stopped, bool checks_order)
      : seen_(std::move(seen)), is_stopped_(std::move(is_stopped)), checks_order_(checks_order) {}
  Result<void> open(OperatorContext& context) override {
    context_ = &context;
    return {};
  }
  void process(std::uint32_t, Batch& batch, Output&) override {
    ++batches_;
    batch.for_each_row([&](std::uint32_t index) {
      const Row& row = rows_of(batch.block())[index];
      auto& sum = sums_[row.key];
      ++sum.count;
      sum.sum += row.value;
      ++rows_;
      if (!checks_order_) return;
      auto& last = last_[row.key];
      if (row.value + 1 <= last) is_in_order_ = false;
      last = row.value + 1;
    });
  }
  void on_watermark(EventTime watermark, WatermarkOutput&) override { watermarks_.push_back(to_ms(watermark)); }
  Result<Progress> ready(Output&) override {
    if (is_stopped_ && is_stopped_()) return Progress::blocked_until(context_->now_ms() + 2);
    return Progress::more();
  }
  void end_of_input(std::uint32_t) override { tell(); }

 private:
  void tell() {
    const std::lock_guard lock(seen_->mutex);
    for (const auto& [key, sum] : sums_) {
      seen_->by_key[key].count += sum.count;
      seen_->by_key[key].sum += sum.sum;
      seen_->subtasks_by_key[key].push_back(context_->subtask_index());
    }
    seen_->rows_by_subtask[context_->subtask_index()] += rows_;
    if (context_->subtask_index() == 0) seen_->watermarks = watermarks_;
    seen_->batches += batches_;
    seen_->is_in_order &= is_in_order_;
  }

  const std::shared_ptr<Seen> seen_;
  const std::function<bool()> is_stopped_;
  const bool checks_order_;
  OperatorContext* context_ = nullptr;
  std::map<std::uint64_t, Seen::Sum> sums_;
  std::map<std::uint64_t, std::uint64_t> last_;
  std::vector<std::int64_t> watermarks_;
  std::uint64_t rows_ = 0;
  std::uint64_t batches_ = 0;
  bool is_in_order_ = true;
};

class RowKeyHasher final : public KeyHasher {
 public:
  void hash(const Batch& batch, std::uint64_t* hashes) override {
    std::uint32_t position = 0;
    batch.for_each_row([&](std::uint32_t index) { hashes[position++] = hash_word(rows_of(batch.block())[index].key); });
  }
};

/// Sends each row to the subtask that its key, modulo their number, names.
class RowKeyRouter final : public RowRouter {
 public:
  void route(const Batch& batch, std::uint32_t targets, std::uint16_t* target_of) override {
    std::uint32_t position = 0;
    batch.for_each_row([&](std::uint32_t index) {
      target_of[position++] = static_cast<std::uint16_t>(rows_of(batch.block())[index].key % targets);
    });
  }
};

/// Puts operators of rows together.
class RowGraph {
 public:
  RowGraph() { graph_.job_name = "rows"; }

  std::uint32_t source(int parallelism, std::function<std::unique_ptr<SourceReader>()> make) {
    OperatorNode& node = add("source", OperatorRole::source, "Source", parallelism);
    node.make_reader = std::move(make);
    return node.id;
  }
  std::uint32_t transform(int parallelism, std::uint32_t input, PartitionerKind partitioner,
                          std::function<std::unique_ptr<Operator>()> make) {
    OperatorNode& node = add("transform", OperatorRole::transform, "Map", parallelism);
    node.make_operator = std::move(make);
    node.inputs.push_back(edge(input, partitioner));
    return node.id;
  }
  std::uint32_t sink(int parallelism, std::vector<std::uint32_t> inputs, PartitionerKind partitioner,
                     std::function<std::unique_ptr<Operator>()> make) {
    OperatorNode& node = add("sink", OperatorRole::sink, "Sink", parallelism);
    node.make_operator = std::move(make);
    node.outputs.clear();
    for (const std::uint32_t input : inputs) node.inputs.push_back(edge(input, partitioner));
    return node.id;
  }
  OperatorNode& node(std::uint32_t id) { return graph_.operators[id - 1]; }
  StreamGraph graph() const { return graph_; }

 private:
  OperatorNode& add(const std::string& name, OperatorRole role, const std::string& kind, int parallelism) {
    OperatorNode node;
    node.id = static_cast<std::uint32_t>(graph_.operators.size() + 1);
    node.role = role;
    node.kind = kind;
    node.name = name + "-" + std::to_string(node.id);
    node.uid = node.name;
    node.parallelism = parallelism;
    node.outputs.push_back({"", std::string(kRowSchema), row_layout()});
    graph_.operators.push_back(std::move(node));
    return graph_.operators.back();
  }
  static EdgeNode edge(std::uint32_t source, PartitionerKind partitioner) {
    EdgeNode edge;
    edge.source = source;
    edge.partitioner = partitioner;
    if (partitioner == PartitionerKind::hash || partitioner == PartitionerKind::custom) edge.key_schema = "uint64";
    if (partitioner == PartitionerKind::hash) edge.make_key_hasher = [] { return std::make_unique<RowKeyHasher>(); };
    if (partitioner == PartitionerKind::custom) edge.make_router = [] { return std::make_unique<RowKeyRouter>(); };
    return edge;
  }

  StreamGraph graph_;
};

}  // namespace weir::test

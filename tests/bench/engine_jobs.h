// Source, keyed count and sink of the engine's benchmarks, over the records of examples/bench_jobs: operators as the
// API's templates make them, graphs by hand.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "examples/bench_jobs/records.h"
#include "tests/bench/measure.h"
#include "tests/support/engine_cluster.h"
#include "tests/support/vector_registers.h"
#include "weir/collector.h"
#include "weir/key_group.h"
#include "weir/row_codec.h"
#include "weir/stream_graph.h"

namespace weir::bench {

using bench_jobs::Bid;
using bench_jobs::Small;
using Count = bench_jobs::KeyCount;

struct SmallMaker : bench_jobs::MakeSmall {
  SmallMaker() : MakeSmall{100'000} {}
  static std::int64_t key(const Small& small) { return small.key; }
};
struct BidMaker : bench_jobs::MakeBid {
  static std::int64_t key(const Bid& bid) { return bid.auction; }
};

/// What the operators leave behind in the vector registers, as a careless library function in user code does.
enum class Registers { clean, in_use };

template <class Maker>
class MakingReader final : public SourceReader {
 public:
  MakingReader(std::uint64_t count, Registers registers) : count_(count), registers_(registers) {}
  Result<void> open(OperatorContext& context) override {
    next_ = context.subtask_index();
    step_ = context.parallelism();
    collector_ = std::make_unique<Collector<typename Maker::Record>>(context);
    return {};
  }
  Result<Progress> poll(SourceOutput& output) override {
    collector_->bind(output);
    for (std::uint32_t row = 0; row < kBlockRowsMax && next_ < count_; ++row, next_ += step_)
      collector_->collect(maker_(next_));
    if (registers_ == Registers::in_use) test::use_upper_halves();
    collector_->flush();
    if (registers_ == Registers::in_use) test::use_upper_halves();
    return next_ < count_ ? Progress::more() : Progress::finished();
  }

 private:
  const std::uint64_t count_;
  const Registers registers_;
  const Maker maker_{};
  std::uint64_t next_ = 0;
  std::uint64_t step_ = 1;
  std::unique_ptr<Collector<typename Maker::Record>> collector_;
};

/// Counts by key: linear probing, no growth. What a keyed state will cost more is the state's own figure.
class CountTable {
 public:
  CountTable() : slots_(kSlots) {}
  std::int64_t add(std::int64_t key, std::uint64_t hash) {
    for (std::size_t at = hash & (kSlots - 1);; at = (at + 1) & (kSlots - 1)) {
      if (slots_[at].count == 0) slots_[at].key = key;
      if (slots_[at].key == key) return ++slots_[at].count;
    }
  }
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& slot : slots_)
      if (slot.count != 0) visit(slot.key, slot.count);
  }

 private:
  static constexpr std::size_t kSlots = std::size_t{1} << 18;
  std::vector<Count> slots_;
};

template <class Maker>
class CountingOperator final : public Operator {
 public:
  using Record = typename Maker::Record;
  explicit CountingOperator(Registers registers) : registers_(registers) {}
  Result<void> open(OperatorContext& context) override {
    collector_ = std::make_unique<Collector<Count>>(context);
    return {};
  }
  void process(std::uint32_t, Batch& batch, Output& output) override {
    collector_->begin(batch, output);
    Record scratch{};
    batch.for_each_row([&](std::uint32_t row) {
      const std::int64_t key = Maker::key(RowCodec<Record>::read(batch.block(), row, scratch));
      collector_->collect({key, table_.add(key, hash_word(static_cast<std::uint64_t>(key)))});
    });
    if (registers_ == Registers::in_use) test::use_upper_halves();
    collector_->flush();
    if (registers_ == Registers::in_use) test::use_upper_halves();
  }

 private:
  const Registers registers_;
  CountTable table_;
  std::unique_ptr<Collector<Count>> collector_;
};

/// Adds up what it sees and says so at the end: a wrong answer is no answer.
template <class Record>
class DiscardingSink final : public Operator {
 public:
  explicit DiscardingSink(std::atomic<std::uint64_t>& rows) : rows_(rows) {}
  void process(std::uint32_t, Batch& batch, Output&) override { count_ += batch.count(); }
  void end_of_input(std::uint32_t) override { rows_ += count_; }

 private:
  std::atomic<std::uint64_t>& rows_;
  std::uint64_t count_ = 0;
};

template <class Maker>
class MakerHasher final : public KeyHasher {
 public:
  explicit MakerHasher(Registers registers) : registers_(registers) {}
  void hash(const Batch& batch, std::uint64_t* hashes) override {
    typename Maker::Record scratch{};
    std::uint32_t position = 0;
    batch.for_each_row([&](std::uint32_t row) {
      hashes[position++] = hash_word(
          static_cast<std::uint64_t>(Maker::key(RowCodec<typename Maker::Record>::read(batch.block(), row, scratch))));
    });
    if (registers_ == Registers::in_use) test::use_upper_halves();
  }

 private:
  const Registers registers_;
};

/// Source -> (exchange by key -> count ->) sink.
template <class Maker>
StreamGraph job(std::uint64_t count, int parallelism, bool counts, Registers registers,
                std::atomic<std::uint64_t>& rows) {
  using Record = typename Maker::Record;
  StreamGraph graph;
  graph.job_name = "bench";
  const auto add = [&](OperatorRole role, const char* kind, auto&& fill) {
    OperatorNode node;
    node.id = static_cast<std::uint32_t>(graph.operators.size() + 1);
    node.role = role;
    node.kind = kind;
    node.name = kind;
    node.uid = kind;
    node.parallelism = parallelism;
    fill(node);
    graph.operators.push_back(std::move(node));
  };
  add(OperatorRole::source, "Source", [&](OperatorNode& node) {
    node.outputs.push_back({"", schema_text(type_of<Record>()), RowCodec<Record>::layout()});
    node.make_reader = [=] { return std::make_unique<MakingReader<Maker>>(count, registers); };
  });
  if (counts) {
    add(OperatorRole::transform, "Count", [&](OperatorNode& node) {
      node.outputs.push_back({"", schema_text(type_of<Count>()), RowCodec<Count>::layout()});
      EdgeNode edge;
      edge.source = 1;
      edge.partitioner = PartitionerKind::hash;
      edge.key_schema = "int64";
      edge.make_key_hasher = [=] { return std::make_unique<MakerHasher<Maker>>(registers); };
      node.inputs.push_back(std::move(edge));
      node.make_operator = [=] { return std::make_unique<CountingOperator<Maker>>(registers); };
    });
  }
  add(OperatorRole::sink, "Sink", [&](OperatorNode& node) {
    EdgeNode edge;
    edge.source = node.id - 1;
    node.inputs.push_back(std::move(edge));
    node.make_operator = [&rows] { return std::make_unique<DiscardingSink<Record>>(rows); };
  });
  return graph;
}

struct Rate {
  double per_second = 0;
  double per_core = 0;  ///< per CPU second of the process
};

/// Runs a job on engines in this process. Ends the program when the count of rows is wrong.
template <class Maker>
Rate run_job(std::uint64_t count, int parallelism, bool counts, test::ClusterSettings settings,
             Registers registers = Registers::clean) {
  std::atomic<std::uint64_t> rows{0};
  settings.pool_bytes = std::uint64_t{256} << 20;
  test::EngineCluster cluster(settings, [&] { return job<Maker>(count, parallelism, counts, registers, rows); });
  const double cpu_before = cpu_seconds();
  const double before = steady_seconds();
  const bool is_done =
      cluster.start().ok() && cluster.deploy().ok() && cluster.wait_for(proto::FINISHED, std::chrono::minutes(5));
  const double seconds = steady_seconds() - before;
  const double cpu = cpu_seconds() - cpu_before;
  if (!is_done || rows != count) {
    std::fprintf(stderr, "wrong: %llu of %llu rows\n", static_cast<unsigned long long>(rows.load()),
                 static_cast<unsigned long long>(count));
    for (const auto& failure : cluster.failures()) std::fprintf(stderr, "%s\n", failure.c_str());
    std::exit(1);
  }
  return {static_cast<double>(count) / seconds, static_cast<double>(count) / cpu};
}

/// A bare loop on one thread: makes rows into one block over and over and, with `counts`, counts keys out of it. No
/// engine.
template <class Maker>
double bare_loop(std::uint64_t count, bool counts) {
  using Record = typename Maker::Record;
  const Maker maker{};
  CountTable table;
  const std::size_t bytes = sizeof(Block) + kBlockCapacity;
  auto* const block = ::new (std::aligned_alloc(64, (bytes + 63) / 64 * 64)) Block;
  block->capacity = kBlockCapacity;
  std::uint64_t seen = 0;
  Record scratch{};
  const double before = cpu_seconds();
  for (std::uint64_t number = 0; number < count;) {
    block->reset(RowCodec<Record>::layout(), 0);
    while (number < count && RowCodec<Record>::append(maker(number), *block)) ++number;
    if (counts) {
      for (std::uint32_t row = 0; row < block->rows; ++row) {
        const std::int64_t key = Maker::key(RowCodec<Record>::read(*block, row, scratch));
        seen += static_cast<std::uint64_t>(table.add(key, hash_word(static_cast<std::uint64_t>(key))) > 0);
      }
    } else {
      seen += block->rows;
    }
  }
  const double rate = static_cast<double>(count) / (cpu_seconds() - before);
  std::free(block);
  return seen == count ? rate : 0;
}

/// The median of some rounds of a figure.
inline Rate median(std::vector<Rate> rates) {
  std::sort(rates.begin(), rates.end(), [](const Rate& a, const Rate& b) { return a.per_core < b.per_core; });
  return rates[rates.size() / 2];
}

}  // namespace weir::bench

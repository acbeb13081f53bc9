// Operators of the DataStream API in one chain, over blocks, against bare loops that do the same work by hand.
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/measure.h"
#include "tests/support/heap_pool.h"
#include "weir/environment.h"

namespace {

using namespace weir;
using weir::bench::Measure;

struct Bid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::int64_t time = 0;
  Text channel;
  Text url;
  Text extra;
};
struct Priced {
  std::int64_t auction = 0;
  std::int64_t price = 0;
};
struct Small {
  std::int64_t key = 0;
  std::int64_t value = 0;
};

/// One slot's surroundings, without a slot.
class BenchContext final : public OperatorContext {
 public:
  std::string_view job_name() const override { return "bench"; }
  std::string_view task_name() const override { return "bench"; }
  std::string_view operator_name() const override { return "bench"; }
  std::uint32_t subtask_index() const override { return 0; }
  std::uint32_t parallelism() const override { return 1; }
  std::uint32_t max_parallelism() const override { return 128; }
  std::uint32_t attempt() const override { return 0; }
  BlockPool& pool() override { return pool_; }
  std::int64_t now_ms() const override { return 0; }
  std::int64_t wall_ms() const override { return 0; }
  Counter* counter(std::string_view) override { return nullptr; }
  Gauge* gauge(std::string_view) override { return nullptr; }
  void log(LogLevel, std::string_view) override {}
  void wake_at(std::int64_t) override {}
  std::string_view setting(std::string_view) const override { return {}; }
  std::uint32_t record_bytes_max() const override { return 16u << 20; }
  RestoredState* restored() override { return nullptr; }
  std::unique_ptr<KeyedBackend> make_keyed_backend() override { return nullptr; }

 private:
  test::HeapPool pool_;
};

/// Hands batches to the next operator, or to the end.
struct Link final : Output {
  Operator* next = nullptr;
  Output* next_output = nullptr;
  std::function<void(Batch&)> end;
  void emit(Batch& batch) override {
    if (next != nullptr) {
      next->process(0, batch, *next_output);
    } else {
      end(batch);
    }
  }
  void emit_side(std::uint32_t, Batch&) override {}
  void emit_watermark(EventTime) override {}
};

/// The transforms of a graph, one behind the other.
class Chain {
 public:
  Chain(const StreamGraph& graph, OperatorContext& context, std::function<void(Batch&)> end) {
    for (const OperatorNode& node : graph.operators) {
      if (!node.make_operator) continue;
      operators_.push_back(node.make_operator());
      if (!operators_.back()->open(context).ok()) std::abort();
    }
    for (std::size_t i = 0; i <= operators_.size(); ++i) links_.push_back(std::make_unique<Link>());
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      links_[i]->next = operators_[i].get();
      links_[i]->next_output = links_[i + 1].get();
    }
    links_.back()->end = std::move(end);
  }
  Output& input() { return *links_.front(); }

 private:
  std::vector<std::unique_ptr<Operator>> operators_;
  std::vector<std::unique_ptr<Link>> links_;
};

const std::vector<std::string>& urls() {
  static const std::vector<std::string> made = [] {
    std::vector<std::string> list;
    for (int i = 0; i < 64; ++i)
      list.push_back("https://www.nexmark.com/" + std::string(static_cast<std::size_t>(8 + i % 17), 'u') +
                     "/item.htm?query=1");
    return list;
  }();
  return made;
}
constexpr std::string_view kChannels[] = {"apple", "google", "facebook", "baidu"};
constexpr std::string_view kExtra = "a text that says nothing, as in the benchmark";

Bid make_bid(std::int64_t i) {
  Bid bid;
  bid.auction = i & 1023;
  bid.bidder = i * 7 & 4095;
  bid.price = i & 0xffff;
  bid.time = 1'600'000'000'000 + i;
  bid.channel = Text::borrow(kChannels[i & 3]);
  bid.url = Text::borrow(urls()[static_cast<std::size_t>(i & 63)]);
  bid.extra = Text::borrow(kExtra);
  return bid;
}

/// Millions of rows per second: in CPU time, the best of several rounds: the machine does other things too.
double rate(std::int64_t rows, const std::function<void()>& round) {
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const double start = bench::cpu_seconds();
    round();
    const double rate = static_cast<double>(rows) / (bench::cpu_seconds() - start) / 1e6;
    if (rate > best) best = rate;
  }
  return best;
}

constexpr std::int64_t kRows = 2'000'000;
volatile std::int64_t sink_of_sums = 0;  // NOLINT: keeps the loops from being left out

double generate(OperatorContext& context) {
  std::int64_t rows = 0;
  Chain chain({}, context, [&](Batch& batch) { rows += batch.count(); });
  Collector<Bid> collector(context);
  return rate(kRows, [&] {
    collector.bind(chain.input());
    for (std::int64_t i = 0; i < kRows; ++i) collector.collect(make_bid(i));
    collector.flush();
    sink_of_sums = rows;
  });
}

/// The same rows written by hand, in the same form.
double generate_bare() {
  std::vector<std::uint8_t> memory(kBlockCapacity);
  return rate(kRows, [&] {
    std::uint8_t* row = memory.data();
    std::uint8_t* text = memory.data() + memory.size();
    for (std::int64_t i = 0; i < kRows; ++i) {
      const Bid bid = make_bid(i);
      const std::size_t bytes = bid.channel.size() + bid.url.size() + bid.extra.size();
      if (static_cast<std::size_t>(text - row) < 56 + bytes) {
        row = memory.data();
        text = memory.data() + memory.size();
      }
      std::memcpy(row, &bid, 32);
      std::uint8_t* at = row + 32;
      for (const Text field : {bid.channel, bid.url, bid.extra}) {
        text -= field.size();
        std::memcpy(text, field.data(), field.size());
        const std::uint32_t ref[2] = {static_cast<std::uint32_t>(memory.data() + memory.size() - text),
                                      static_cast<std::uint32_t>(field.size())};
        std::memcpy(at, ref, 8);
        at += 8;
      }
      row += 56;
    }
    sink_of_sums = *row;
  });
}

/// Blocks full of bids, to be read again and again.
class Blocks {
 public:
  template <class T, class Make>
  void fill(BlockPool& pool, std::int64_t rows, Make&& make) {
    Keep keep(blocks_);
    Collector<T> collector(pool, 16u << 20);
    collector.bind(keep);
    for (std::int64_t i = 0; i < rows; ++i) collector.collect(make(i));
    collector.flush();
  }
  void emit(Output& output, std::int64_t rows) {
    std::int64_t sent = 0;
    while (sent < rows) {
      for (Block* block : blocks_) {
        Batch batch(block);
        output.emit(batch);
        sent += block->rows;
      }
    }
  }
  std::int64_t rows() const {
    std::int64_t count = 0;
    for (const Block* block : blocks_) count += block->rows;
    return count;
  }
  const std::vector<Block*>& list() const { return blocks_; }

 private:
  struct Keep final : Output {
    std::vector<Block*>& blocks;
    explicit Keep(std::vector<Block*>& blocks) : blocks(blocks) {}
    void emit(Batch& batch) override { blocks.push_back(batch.take()); }
    void emit_side(std::uint32_t, Batch&) override {}
    void emit_watermark(EventTime) override {}
  };
  std::vector<Block*> blocks_;
};

double map_filter_map(OperatorContext& context, Blocks& blocks) {
  StreamExecutionEnvironment env;
  env.from_collection<Bid>({})
      .map([](const Bid& bid) {
        Bid doubled = bid;
        doubled.price *= 2;
        return doubled;
      })
      .filter([](const Bid& bid) { return (bid.price & 6) != 0; })
      .map([](const Bid& bid) {
        return Priced{bid.auction, bid.price};
      });
  std::int64_t sum = 0;
  Chain chain(env.graph(), context, [&](Batch& batch) {
    Priced scratch;
    batch.for_each_row([&](std::uint32_t row) { sum += RowCodec<Priced>::read(batch.block(), row, scratch).price; });
  });
  const std::int64_t rows = blocks.rows() * 1000;
  const double best = rate(rows, [&] { blocks.emit(chain.input(), rows); });
  sink_of_sums = sum;
  return best;
}

/// What three loops by hand do between the same blocks.
double map_filter_map_bare(Blocks& blocks) {
  std::int64_t sum = 0;
  const std::int64_t rows = blocks.rows() * 1000;
  std::vector<std::uint8_t> between(kBlockCapacity);
  std::vector<Priced> out(kBlockRowsMax);
  std::vector<std::uint16_t> selection(kBlockRowsMax);
  const double best = rate(rows, [&] {
    for (int round = 0; round < 1000; ++round) {
      for (const Block* block : blocks.list()) {
        std::uint8_t* text = between.data() + between.size();
        std::uint8_t* to = between.data();
        const std::uint8_t* from = block->fixed();
        for (std::uint32_t i = 0; i < block->rows; ++i, from += 56, to += 56) {
          std::memcpy(to, from, 32);
          std::int64_t price = 0;
          std::memcpy(&price, from + 16, 8);
          price *= 2;
          std::memcpy(to + 16, &price, 8);
          for (int field = 0; field < 3; ++field) {
            TextRef ref;
            std::memcpy(&ref, from + 32 + field * 8, 8);
            text -= ref.length;
            std::memcpy(text, block->end() - ref.offset, ref.length);
            ref.offset = static_cast<std::uint32_t>(between.data() + between.size() - text);
            std::memcpy(to + 32 + field * 8, &ref, 8);
          }
        }
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < block->rows; ++i) {
          std::int64_t price = 0;
          std::memcpy(&price, between.data() + std::size_t{i} * 56 + 16, 8);
          selection[kept] = static_cast<std::uint16_t>(i);
          kept += (price & 6) != 0 ? 1 : 0;
        }
        for (std::uint32_t i = 0; i < kept; ++i) {
          std::memcpy(&out[i].auction, between.data() + std::size_t{selection[i]} * 56, 8);
          std::memcpy(&out[i].price, between.data() + std::size_t{selection[i]} * 56 + 16, 8);
        }
        for (std::uint32_t i = 0; i < kept; ++i) sum += out[i].price;
      }
    }
  });
  sink_of_sums = sum;
  return best;
}

double filter_project(OperatorContext& context, Blocks& blocks) {
  StreamExecutionEnvironment env;
  env.from_collection<Bid>({}).filter([](const Bid& bid) { return (bid.price & 3) != 0; }).map([](const Bid& bid) {
    return Priced{bid.auction, bid.price};
  });
  std::int64_t sum = 0;
  Chain chain(env.graph(), context, [&](Batch& batch) { sum += batch.count(); });
  const std::int64_t rows = blocks.rows() * 4000;
  const double best = rate(rows, [&] { blocks.emit(chain.input(), rows); });
  sink_of_sums = sum;
  return best;
}

double filter_project_bare(Blocks& blocks) {
  std::int64_t sum = 0;
  const std::int64_t rows = blocks.rows() * 4000;
  std::vector<Priced> out(kBlockRowsMax);
  const double best = rate(rows, [&] {
    for (int round = 0; round < 4000; ++round) {
      for (const Block* block : blocks.list()) {
        std::uint32_t kept = 0;
        const std::uint8_t* from = block->fixed();
        for (std::uint32_t i = 0; i < block->rows; ++i, from += 56) {
          std::memcpy(&out[kept].auction, from, 8);
          std::memcpy(&out[kept].price, from + 16, 8);
          kept += (out[kept].price & 3) != 0 ? 1 : 0;
        }
        sum += kept;
        sink_of_sums = out[0].auction;
      }
    }
  });
  sink_of_sums = sum;
  return best;
}

double filter_one_field(OperatorContext& context, Blocks& blocks) {
  StreamExecutionEnvironment env;
  env.from_collection<Bid>({}).filter([](const Bid& bid) { return (bid.price & 3) != 0; });
  std::int64_t sum = 0;
  Chain chain(env.graph(), context, [&](Batch& batch) { sum += batch.count(); });
  const std::int64_t rows = blocks.rows() * 4000;
  const double best = rate(rows, [&] { blocks.emit(chain.input(), rows); });
  sink_of_sums = sum;
  return best;
}

/// The same selection out of a column: what a block that held columns would gain.
double filter_one_column(Blocks& blocks) {
  std::vector<std::vector<std::int64_t>> columns;
  for (const Block* block : blocks.list()) {
    columns.emplace_back(block->rows);
    for (std::uint32_t i = 0; i < block->rows; ++i) std::memcpy(&columns.back()[i], block->row(i) + 16, 8);
  }
  std::int64_t sum = 0;
  const std::int64_t rows = blocks.rows() * 4000;
  std::vector<std::uint16_t> selection(kBlockRowsMax);
  const double best = rate(rows, [&] {
    for (int round = 0; round < 4000; ++round) {
      for (const std::vector<std::int64_t>& column : columns) {
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < column.size(); ++i) {
          selection[kept] = static_cast<std::uint16_t>(i);
          kept += (column[i] & 3) != 0 ? 1 : 0;
        }
        sum += kept;
        sink_of_sums = selection[0];
      }
    }
  });
  sink_of_sums = sum;
  return best;
}

double keyed_sum(OperatorContext& context, std::int64_t keys) {
  StreamExecutionEnvironment env;
  env.from_collection<Small>({}).key_by(&Small::key).reduce([](const Small& a, const Small& b) {
    return Small{a.key, a.value + b.value};
  });
  std::int64_t count = 0;
  Chain chain(env.graph(), context, [&](Batch& batch) { count += batch.count(); });
  std::uint64_t random = 1;
  Collector<Small> collector(context);
  collector.bind(chain.input());
  const auto send = [&](std::int64_t rows) {
    for (std::int64_t i = 0; i < rows; ++i) {
      random = random * 6364136223846793005ull + 1442695040888963407ull;
      collector.collect({static_cast<std::int64_t>((random >> 33) % static_cast<std::uint64_t>(keys)), 1});
    }
    collector.flush();
  };
  send(keys * 3);
  const double best = rate(kRows, [&] { send(kRows); });
  sink_of_sums = count;
  return best;
}

/// An array indexed by the key: no hash, no comparison.
double keyed_sum_bare(std::int64_t keys) {
  std::vector<Small> sums(static_cast<std::size_t>(keys));
  std::vector<Small> out(kBlockRowsMax);
  std::uint64_t random = 1;
  return rate(kRows, [&] {
    for (std::int64_t i = 0; i < kRows; ++i) {
      random = random * 6364136223846793005ull + 1442695040888963407ull;
      Small& sum = sums[(random >> 33) % static_cast<std::uint64_t>(keys)];
      sum.value += 1;
      out[static_cast<std::size_t>(i) & (kBlockRowsMax - 1)] = sum;
    }
    sink_of_sums = out[0].value;
  });
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bench::Printer printer(argument_count, arguments);
  BenchContext context;
  Blocks blocks;
  blocks.fill<Bid>(context.pool(), 1000, make_bid);
  const auto print = [&](const char* name, double value, double limit, std::optional<double> target) {
    Measure measure;
    measure.name = name;
    measure.value = value;
    measure.unit = "M rows/s";
    measure.per_core = value;
    measure.limit = limit;
    measure.target = target;
    printer.print(measure);
  };
  print("chain: write bid records", generate(context), generate_bare(), 140.0);
  print("chain: map, filter, map of bid records", map_filter_map(context, blocks), map_filter_map_bare(blocks),
        std::nullopt);
  print("chain: filter and project bid records", filter_project(context, blocks), filter_project_bare(blocks), 130.0);
  print("chain: filter bid records by one field; limit: out of a column", filter_one_field(context, blocks),
        filter_one_column(blocks), std::nullopt);
  print("chain: sum per key, 10 thousand keys", keyed_sum(context, 10'000), keyed_sum_bare(10'000), std::nullopt);
  print("chain: sum per key, 10 million keys", keyed_sum(context, 10'000'000), keyed_sum_bare(10'000'000), 25.0);
}

// The jobs that `tools/dev bench cluster_jobs` measures; README.md beside this file says what each computes.
//   weir run -c JOB -p 2 bench_jobs.so --records N [--keys N] [--result FILE] [--digests] [--rate N] [--skip-ms N]
#include <cstdint>
#include <string>

#include "examples/bench_jobs/latency_sink.h"
#include "examples/bench_jobs/records.h"
#include "examples/bench_jobs/tally_sink.h"
#include "weir/connectors/generator.h"
#include "weir/datastream.h"
#include "weir/environment.h"
#include "weir/job.h"

namespace {

using namespace bench_jobs;
using weir::connectors::generate;

/// The options of one run; what makes no sense is refused here, before anything starts.
class Options {
 public:
  explicit Options(const weir::Arguments& args) {
    args.allow_only({"records", "keys", "result", "digests", "rate", "skip-ms"});
    generator.records = args.require<std::uint64_t>("records");
    keys = args.get_or<std::uint64_t>("keys", 100'000);
    if (keys == 0 || keys >= std::uint64_t{1} << 31)
      throw weir::UsageError("--keys is " + std::to_string(keys) + ": it must be 1 to 2147483647");
    generator.records_per_second = args.get_or<double>("rate", 0);
    if (!(generator.records_per_second >= 0))
      throw weir::UsageError("--rate must be records per second, 0 for no limit");
    result.file = args.get_or("result", "");
    if (!result.file.empty() && result.file.front() != '/')
      throw weir::UsageError("--result must be an absolute path, '" + result.file + "' is not: workers write it");
    result.digests = args.get_or<bool>("digests", false);
    skip_ms = args.get_or<std::int64_t>("skip-ms", 5000);
    if (skip_ms < 0 || skip_ms > 86'400'000) throw weir::UsageError("--skip-ms must be 0 to 86400000");
  }

  weir::connectors::GeneratorOptions generator;
  std::uint64_t keys = 0;
  TallyOptions result;
  std::int64_t skip_ms = 0;
};

/// Counts the records of each key.
template <class T>
class CountByKey {
 public:
  void open(weir::RuntimeContext& context) { count_ = context.value_state<std::int64_t>("count"); }
  void process(const T&, weir::KeyedContext<std::int64_t>& context, weir::Collector<KeyCount>& out) {
    out.collect({context.key(), ++count_.edit()});
  }

 private:
  weir::ValueState<std::int64_t> count_;
};

/// The same, and hands on when the record was made.
class CountStamped {
 public:
  void open(weir::RuntimeContext& context) { count_ = context.value_state<std::int64_t>("count"); }
  void process(const Small& record, weir::KeyedContext<std::int64_t>& context, weir::Collector<StampedCount>& out) {
    out.collect({context.key(), ++count_.edit(), record.value});
  }

 private:
  weir::ValueState<std::int64_t> count_;
};

}  // namespace

WEIR_JOB(pass) {
  const Options options(args);
  env.from_source(generate<Bid>(MakeBid{}, options.generator)).sink_to(TallySink<Bid>(options.result));
}

WEIR_JOB(filter_project) {
  const Options options(args);
  env.from_source(generate<Bid>(MakeBid{}, options.generator))
      .filter([](const Bid& bid) { return bid.auction % 123 == 0; })
      .map([](const Bid& bid) {
        return AuctionPrice{bid.auction, bid.price};
      })
      .sink_to(TallySink<AuctionPrice>(options.result));
}

WEIR_JOB(filter_project_pushed) {
  const Options options(args);
  env.from_source(generate<AuctionPrice>(MakeAuctionPrice{}, options.generator))
      .filter([](const AuctionPrice& bid) { return bid.auction % 123 == 0; })
      .sink_to(TallySink<AuctionPrice>(options.result));
}

WEIR_JOB(keyed_count_small) {
  const Options options(args);
  env.from_source(generate<Small>(MakeSmall{options.keys}, options.generator))
      .key_by(&Small::key)
      .process(CountByKey<Small>{})
      .name("Count")
      .uid("count")
      .sink_to(TallySink<KeyCount>(options.result));
}

WEIR_JOB(keyed_count_bid) {
  const Options options(args);
  env.from_source(generate<Bid>(MakeBid{}, options.generator))
      .key_by(&Bid::auction)
      .process(CountByKey<Bid>{})
      .name("Count")
      .uid("count")
      .sink_to(TallySink<KeyCount>(options.result));
}

WEIR_JOB(latency) {
  const Options options(args);
  const MakeSmall make{options.keys};
  env.from_source(generate<Small>(
                      [make](std::uint64_t n) {
    return Small{make(n).key, steady_ns()};
                      },
                      options.generator))
      .key_by(&Small::key)
      .process(CountStamped{})
      .name("Count")
      .uid("count")
      .sink_to(LatencySink({options.result.file, options.skip_ms}));
}

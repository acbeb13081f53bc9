// Jobs for the process tests: some that work, and many that do not.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weir/collector.h>
#include <weir/datastream.h>
#include <weir/environment.h>
#include <weir/job.h>

#include <weir/connectors/files.h>

namespace {

struct Number {
  std::int64_t value;
};

struct Counted {
  std::int64_t key;
  std::int64_t count;
};

// ---- a source of the numbers from 0, every parallelism-th from the subtask's own ----

class NumberReader final : public weir::SourceReader {
 public:
  NumberReader(std::int64_t count, std::int64_t per_second) : count_(count), per_second_(per_second) {}

  weir::Result<void> open(weir::OperatorContext& context) override {
    context_ = &context;
    collector_ = std::make_unique<weir::Collector<Number>>(context);
    next_ = context.subtask_index();
    step_ = context.parallelism();
    started_ms_ = context.now_ms();
    return {};
  }

  weir::Result<weir::Progress> poll(weir::SourceOutput& output) override {
    collector_->bind(output);
    std::int64_t allowed = 1024;
    if (per_second_ > 0) {
      const std::int64_t due = (context_->now_ms() - started_ms_) * per_second_ / 1000 + 1;
      allowed = std::min<std::int64_t>(allowed, due - made_);
      if (allowed <= 0) return weir::Progress::blocked_until(context_->now_ms() + 1);
    }
    for (std::int64_t i = 0; i < allowed && (count_ < 0 || next_ < count_); ++i, ++made_, next_ += step_) {
      collector_->collect(Number{next_});
    }
    collector_->flush();
    return count_ >= 0 && next_ >= count_ ? weir::Progress::finished() : weir::Progress::more();
  }

 private:
  const std::int64_t count_;
  const std::int64_t per_second_;
  weir::OperatorContext* context_ = nullptr;
  std::unique_ptr<weir::Collector<Number>> collector_;
  std::int64_t next_ = 0;
  std::int64_t step_ = 1;
  std::int64_t made_ = 0;
  std::int64_t started_ms_ = 0;
};

/// Counts from 0; without end where count is negative.
class Numbers final : public weir::Source<Number> {
 public:
  explicit Numbers(std::int64_t count, std::int64_t per_second = 0) : count_(count), per_second_(per_second) {}
  std::string name() const override { return "numbers"; }
  bool bounded() const override { return count_ >= 0; }
  std::unique_ptr<weir::SourceReader> make_reader() const override {
    return std::make_unique<NumberReader>(count_, per_second_);
  }

 private:
  std::int64_t count_;
  std::int64_t per_second_;
};

class NowhereWriter final : public weir::Operator {
 public:
  void process(std::uint32_t, weir::Batch&, weir::Output&) override {}
};

template <class T>
class Nowhere final : public weir::Sink<T> {
 public:
  std::string name() const override { return "nowhere"; }
  std::unique_ptr<weir::Operator> make_writer() const override { return std::make_unique<NowhereWriter>(); }
};

// ---- a sink that takes nothing more until a file exists ----

class GatedWriter final : public weir::Operator {
 public:
  explicit GatedWriter(std::string gate) : gate_(std::move(gate)) {}
  weir::Result<void> open(weir::OperatorContext& context) override {
    context_ = &context;
    return {};
  }
  void process(std::uint32_t, weir::Batch&, weir::Output&) override {}
  weir::Result<weir::Progress> ready(weir::Output&) override {
    struct stat status {};
    if (::stat(gate_.c_str(), &status) == 0) return weir::Progress::more();
    return weir::Progress::blocked_until(context_->now_ms() + 20);
  }

 private:
  const std::string gate_;
  weir::OperatorContext* context_ = nullptr;
};

class Gated final : public weir::Sink<Number> {
 public:
  explicit Gated(std::string gate) : gate_(std::move(gate)) {}
  std::string name() const override { return "gated"; }
  std::unique_ptr<weir::Operator> make_writer() const override { return std::make_unique<GatedWriter>(gate_); }

 private:
  std::string gate_;
};

[[gnu::noinline]] std::int64_t deeper(std::int64_t depth) {
  char frame[4096];
  frame[depth % 4096] = 1;
  asm volatile("" : : "r"(frame) : "memory");
  return depth < 0 ? 0 : deeper(depth + 1) + frame[0];
}

/// Runs `act` on the hundredth number.
template <class Act>
void on_hundredth(weir::StreamExecutionEnvironment& env, const char* name, Act act) {
  env.from_source(Numbers(-1, 20'000))
      .map([act](const Number& number) {
        if (number.value == 100) act();
        return number;
      })
      .name(name)
      .sink_to(Nowhere<Number>());
}

}  // namespace

// Two vertices, so that records are counted between them.
WEIR_JOB(endless) { env.from_source(Numbers(-1, 5'000)).rebalance().sink_to(Nowhere<Number>()); }

WEIR_JOB(counted) {
  const std::int64_t keys = args.get_or<std::int64_t>("keys", 10);
  env.from_source(Numbers(args.get_or<std::int64_t>("count", 1000)))
      .map([keys](const Number& number) {
        return Counted{number.value % keys, 1};
      })
      .key_by(&Counted::key)
      .reduce([](const Counted& sum, const Counted& next) {
        return Counted{sum.key, sum.count + next.count};
      })
      .uid("count")
      .sink_to(weir::connectors::FileSink<Counted>(args.require("output"), weir::connectors::json_format()));
}

/// Hands on a number once both streams have brought it.
struct BothCame {
  weir::ValueState<std::int64_t> sides;  // bit 0: the first stream's, bit 1: the second's
  void open(weir::RuntimeContext& context) { sides = context.value_state<std::int64_t>("sides"); }
  void process1(const Number& number, weir::KeyedContext<std::int64_t>&, weir::Collector<Number>& out) {
    came(number, 1, out);
  }
  void process2(const Counted& counted, weir::KeyedContext<std::int64_t>&, weir::Collector<Number>& out) {
    came({counted.key}, 2, out);
  }
  void came(const Number& number, std::int64_t side, weir::Collector<Number>& out) {
    if ((sides.edit() |= side) == 3) out.collect(number);
  }
};

WEIR_JOB(connected) {
  const auto count = args.get_or<std::int64_t>("count", 1000);
  auto numbers = env.from_source(Numbers(count));
  auto counted = env.from_source(Numbers(count)).map([](const Number& number) { return Counted{number.value, 1}; });
  numbers.connect(counted)
      .key_by(&Number::value, &Counted::key)
      .process(BothCame{})
      .uid("both")
      .sink_to(weir::connectors::FileSink<Number>(args.require("output"), weir::connectors::json_format()));
}

WEIR_JOB(stopped_sink) { env.from_source(Numbers(20'000'000)).rebalance().sink_to(Gated(args.require("gate"))); }

/// One TaskManager's worth of it ends at once, the other's never does.
WEIR_JOB(half_ends) {
  auto ends = env.from_source(Numbers(1000)).slot_sharing_group("early").rebalance();
  auto goes_on = env.from_source(Numbers(-1, 1000)).slot_sharing_group("late").rebalance();
  ends.union_with(goes_on).sink_to(Nowhere<Number>()).slot_sharing_group("late");
}

struct Said {
  std::string text;
};
class TellsSetting {
 public:
  explicit TellsSetting(std::string key) : key_(std::move(key)) {}
  void open(weir::RuntimeContext& context) { value_ = context.setting(key_); }
  Said operator()(const Number&) { return {value_}; }

 private:
  std::string key_, value_;
};
WEIR_JOB(tells_setting) {
  env.from_collection(std::vector<Number>{{1}})
      .map(TellsSetting(args.require("key")))
      .sink_to(weir::connectors::FileSink<Said>(args.require("output"), weir::connectors::json_format()));
}

WEIR_JOB(prints) {
  env.from_collection(std::vector<Number>{{1}})
      .map([](const Number& number) {
        std::printf("hello from a map\n");
        std::fflush(stdout);
        return number;
      })
      .sink_to(Nowhere<Number>());
}

WEIR_JOB(throws) {
  on_hundredth(env, "check", [] { throw std::runtime_error("bad value 7"); });
}
WEIR_JOB(segfaults) {
  on_hundredth(env, "crash", [] { *reinterpret_cast<int*>(std::uintptr_t{8}) = 1; });
}
WEIR_JOB(aborts) {
  on_hundredth(env, "crash", [] { std::abort(); });
}
WEIR_JOB(overflows_stack) {
  on_hundredth(env, "crash", [] { deeper(0); });
}
WEIR_JOB(exits) {
  on_hundredth(env, "crash", [] { ::_exit(3); });
}
WEIR_JOB(stubborn) {
  on_hundredth(env, "stubborn", [] {
    for (std::atomic<int> turns = 0;; ++turns) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
}
WEIR_JOB(hoards) {
  on_hundredth(env, "hoard", [] {
    std::vector<std::unique_ptr<char[]>> hoard;
    for (int megabytes = 0; megabytes < 100'000; ++megabytes) {
      hoard.push_back(std::make_unique<char[]>(1 << 20));
      for (int at = 0; at < 1 << 20; at += 4096) hoard.back()[at] = 1;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
}
WEIR_JOB(changes_its_mind) {
  env.from_source(Numbers(10))
      .map([](const Number& number) { return number; })
      .name("pid " + std::to_string(::getpid()))
      .sink_to(Nowhere<Number>());
}

WEIR_JOB(plan_throws) { throw std::runtime_error("no such table: orders"); }
WEIR_JOB(plan_crashes) { *reinterpret_cast<int*>(std::uintptr_t{8}) = 1; }
WEIR_JOB(plan_exits) { std::exit(3); }
WEIR_JOB(plan_loops) {
  for (std::atomic<int> turns = 0;; ++turns) {
  }
}
WEIR_JOB(plan_hoards) {
  std::vector<std::unique_ptr<char[]>> hoard;
  for (;;) hoard.push_back(std::make_unique<char[]>(64 << 20));
}
WEIR_JOB(plan_forks) {
  if (::fork() == 0) {
    for (;;) ::pause();
  }
  for (;;) ::pause();
}
WEIR_JOB(plan_without_sink) {
  env.from_source(Numbers(10)).map([](const Number& number) { return number; });
}
WEIR_JOB(plan_prints) {
  for (int i = 0; i < 100'000; ++i) std::puts("{\"nodes\": garbage");
  env.from_source(Numbers(10)).sink_to(Nowhere<Number>());
}

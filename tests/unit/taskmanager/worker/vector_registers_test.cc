#include "tests/support/vector_registers.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>

#include "tests/support/engine_cluster.h"
#include "tests/support/engine_operators.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

/// How often user code was called, and how often with upper halves in use. Any thread.
struct Calls {
  std::atomic<int> all{0};
  std::atomic<int> dirty{0};
};

/// User code that notes how it finds the registers and leaves them in use.
class [[nodiscard]] UserCode {
 public:
  [[gnu::always_inline]] explicit UserCode(Calls& calls) {
    if (are_upper_halves_in_use().value_or(false)) ++calls.dirty;
    ++calls.all;
    use_upper_halves();
  }
};

struct DirtySource final : SourceReader {
  explicit DirtySource(Calls& calls)
      : calls(calls), rows(100'000, 1000, [](std::uint32_t, std::uint64_t number) {
          return Row{number % 97, number, 0};
        }) {}
  Result<void> open(OperatorContext& context) override {
    const UserCode user(calls);
    return rows.open(context);
  }
  Result<Progress> poll(SourceOutput& output) override {
    const UserCode user(calls);
    auto progress = rows.poll(output);
    use_upper_halves();
    return progress;
  }
  Calls& calls;
  RowSource rows;
};

struct DirtyOperator final : Operator {
  explicit DirtyOperator(Calls& calls) : calls(calls) {}
  Result<void> open(OperatorContext&) override {
    const UserCode user(calls);
    return {};
  }
  void process(std::uint32_t, Batch& batch, Output& output) override {
    const UserCode user(calls);
    output.emit(batch);
    use_upper_halves();
  }
  Calls& calls;
};

struct DirtyHasher final : KeyHasher {
  explicit DirtyHasher(Calls& calls) : calls(calls) {}
  void hash(const Batch& batch, std::uint64_t* hashes) override {
    const UserCode user(calls);
    plain.hash(batch, hashes);
    use_upper_halves();
  }
  Calls& calls;
  RowKeyHasher plain;
};

}  // namespace

TEST_CASE(
    "vector_registers: user code finds the upper halves clear, whatever it and the thread that deploys leave in use") {
  if (!are_upper_halves_in_use()) {
    MESSAGE("skipped: this processor does not say which registers are in use");
    return;
  }
  Calls calls;
  RowGraph rows;
  const auto source = rows.source(2, [&] { return std::make_unique<DirtySource>(calls); });
  const auto before =
      rows.transform(2, source, PartitionerKind::forward, [&] { return std::make_unique<DirtyOperator>(calls); });
  const auto after =
      rows.transform(2, before, PartitionerKind::hash, [&] { return std::make_unique<DirtyOperator>(calls); });
  rows.sink(2, {after}, PartitionerKind::forward, [&] { return std::make_unique<DirtyOperator>(calls); });
  rows.node(after).inputs.front().make_key_hasher = [&] { return std::make_unique<DirtyHasher>(calls); };
  EngineCluster cluster({.slots = 2}, [&] { return rows.graph(); });
  use_upper_halves();
  REQUIRE(cluster.start().ok());
  use_upper_halves();  // slot threads are started by this one and inherit its registers
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(calls.all > 1000);
  CHECK(calls.dirty == 0);
}

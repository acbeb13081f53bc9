#include "common/plan/exchange_pattern.h"

#include <doctest/doctest.h>

namespace weir::plan {
namespace {

TEST_CASE("exchange_pattern: all to all but for forward and rescale") {
  for (auto partitioner : {Partitioner::hash, Partitioner::rebalance, Partitioner::broadcast, Partitioner::shuffle,
                           Partitioner::global, Partitioner::custom}) {
    CHECK(consumers_of(partitioner, 1, 3, 5) == SubtaskRange{0, 5});
    CHECK(producers_of(partitioner, 4, 3, 5) == SubtaskRange{0, 3});
  }
  CHECK(consumers_of(Partitioner::forward, 2, 4, 4) == SubtaskRange{2, 3});
  CHECK(producers_of(Partitioner::forward, 2, 4, 4) == SubtaskRange{2, 3});
  // As Flink deals them out.
  CHECK(consumers_of(Partitioner::rescale, 0, 2, 5) == SubtaskRange{0, 3});
  CHECK(consumers_of(Partitioner::rescale, 1, 2, 5) == SubtaskRange{3, 5});
  CHECK(producers_of(Partitioner::rescale, 0, 5, 2) == SubtaskRange{0, 2});
  CHECK(producers_of(Partitioner::rescale, 1, 5, 2) == SubtaskRange{2, 5});
}

TEST_CASE("exchange_pattern: rescale is the same relation from both ends, and everybody has a peer") {
  for (std::uint32_t producers = 1; producers <= 24; ++producers) {
    for (std::uint32_t consumers = 1; consumers <= 24; ++consumers) {
      INFO(producers << " to " << consumers);
      for (std::uint32_t p = 0; p < producers; ++p) {
        const SubtaskRange to = consumers_of(Partitioner::rescale, p, producers, consumers);
        CHECK(to.first < to.last);
        for (std::uint32_t c = 0; c < consumers; ++c) {
          const SubtaskRange from = producers_of(Partitioner::rescale, c, producers, consumers);
          CHECK(from.first < from.last);
          CHECK((c >= to.first && c < to.last) == (p >= from.first && p < from.last));
        }
      }
    }
  }
}

}  // namespace
}  // namespace weir::plan

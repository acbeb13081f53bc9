#include "common/plan/exchange_pattern.h"

#include "common/base/ensure.h"

namespace weir::plan {

namespace {

void check_parallelism(Partitioner partitioner, std::uint32_t producers, std::uint32_t consumers) {
  ENSURE(partitioner != Partitioner::forward || producers == consumers, "forward from {} to {} tasks", producers,
         consumers);
}

/// Part `index` of `items` dealt to `parts` in runs: floor borders.
SubtaskRange floor_share(std::uint64_t index, std::uint64_t parts, std::uint64_t items) {
  return {static_cast<std::uint32_t>(index * items / parts), static_cast<std::uint32_t>((index + 1) * items / parts)};
}

/// The same with ceiling borders: the inverse of item -> floor(item * parts / items).
SubtaskRange ceiling_share(std::uint64_t index, std::uint64_t parts, std::uint64_t items) {
  return {static_cast<std::uint32_t>((index * items + parts - 1) / parts),
          static_cast<std::uint32_t>(((index + 1) * items + parts - 1) / parts)};
}

}  // namespace

bool is_pointwise(Partitioner partitioner) {
  return partitioner == Partitioner::forward || partitioner == Partitioner::rescale;
}

SubtaskRange consumers_of(Partitioner partitioner, std::uint32_t producer, std::uint32_t producers,
                          std::uint32_t consumers) {
  ENSURE(producer < producers, "producer {} of {}", producer, producers);
  check_parallelism(partitioner, producers, consumers);
  if (!is_pointwise(partitioner)) return {0, consumers};
  if (producers <= consumers) return ceiling_share(producer, producers, consumers);
  // The consumer whose run of producers holds this one: floor borders grow with the index, so it is found directly.
  const std::uint64_t wanted = (static_cast<std::uint64_t>(producer) + 1) * consumers;
  const auto consumer = static_cast<std::uint32_t>((wanted + producers - 1) / producers - 1);
  return {consumer, consumer + 1};
}

SubtaskRange producers_of(Partitioner partitioner, std::uint32_t consumer, std::uint32_t producers,
                          std::uint32_t consumers) {
  ENSURE(consumer < consumers, "consumer {} of {}", consumer, consumers);
  check_parallelism(partitioner, producers, consumers);
  if (!is_pointwise(partitioner)) return {0, producers};
  if (producers > consumers) return floor_share(consumer, consumers, producers);
  const auto producer = static_cast<std::uint32_t>(static_cast<std::uint64_t>(consumer) * producers / consumers);
  return {producer, producer + 1};
}

}  // namespace weir::plan

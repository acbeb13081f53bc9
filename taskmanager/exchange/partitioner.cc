#include "taskmanager/exchange/partitioner.h"

#include <utility>

#include "common/base/ensure.h"
#include "weir/key_group.h"

namespace weir::taskmanager {

namespace {

Spread spread_of(PartitionerKind kind, std::uint32_t targets) {
  // A partitioner of the user's is asked even about one target: an answer that is none must not pass unseen.
  if (targets == 1 && kind != PartitionerKind::custom) return Spread::one;
  switch (kind) {
    case PartitionerKind::forward:
    case PartitionerKind::global: return Spread::one;
    case PartitionerKind::rebalance:
    case PartitionerKind::rescale: return Spread::runs;
    case PartitionerKind::broadcast: return Spread::all;
    case PartitionerKind::hash:
    case PartitionerKind::shuffle:
    case PartitionerKind::custom: return Spread::each_row;
  }
  return Spread::one;
}

}  // namespace

Partitioner::Partitioner(const Settings& settings, std::unique_ptr<KeyHasher> hasher, std::unique_ptr<RowRouter> router)
    : settings_(settings),
      spread_(spread_of(settings.kind, settings.targets)),
      hasher_(std::move(hasher)),
      router_(std::move(router)),
      turn_(settings.subtask % settings.targets),
      random_(hash_word(settings.subtask)) {
  ENSURE(settings.targets > 0 && settings.targets <= kKeyGroupsMax, "targets {}", settings.targets);
  if (spread_ != Spread::each_row) return;
  ENSURE(settings.kind != PartitionerKind::hash || hasher_ != nullptr, "no key");
  ENSURE(settings.kind != PartitionerKind::custom || router_ != nullptr, "no partitioner of the user's");
  if (settings.kind != PartitionerKind::hash) return;
  ENSURE(settings.max_parallelism >= settings.targets && settings.max_parallelism <= kKeyGroupsMax,
         "max parallelism {}", settings.max_parallelism);
  target_of_group_.resize(settings.max_parallelism);
  for (std::uint32_t group = 0; group < settings.max_parallelism; ++group)
    target_of_group_[group] =
        static_cast<std::uint16_t>(subtask_of_key_group(group, settings.targets, settings.max_parallelism));
}

std::optional<std::uint32_t> Partitioner::deal_block(std::uint32_t rows) {
  if (dealt_ < std::uint64_t{settings_.targets} * kBlockRowsMax) return std::nullopt;
  if (block_rows_.empty()) block_rows_.resize(settings_.targets);
  std::uint32_t target = turn_;
  for (std::uint32_t step = 1; step < settings_.targets; ++step) {
    const std::uint32_t next = turn_ + step < settings_.targets ? turn_ + step : turn_ + step - settings_.targets;
    if (block_rows_[next] < block_rows_[target]) target = next;
  }
  block_rows_[target] += rows;
  return target;
}

void Partitioner::route(const Batch& batch, std::uint16_t* target_of) {
  const std::uint32_t count = batch.count();
  switch (settings_.kind) {
    case PartitionerKind::hash: {
      hasher_->hash(batch, hashes_);
      const std::uint16_t* const table = target_of_group_.data();
      for (std::uint32_t position = 0; position < count; ++position)
        target_of[position] = table[key_group_of(hashes_[position], settings_.max_parallelism)];
      return;
    }
    case PartitionerKind::custom: router_->route(batch, settings_.targets, target_of); return;
    default:
      for (std::uint32_t position = 0; position < count; ++position) {
        random_ += 0x9e3779b97f4a7c15ull;
        target_of[position] = static_cast<std::uint16_t>(key_group_of(hash_word(random_), settings_.targets));
      }
      return;
  }
}

}  // namespace weir::taskmanager

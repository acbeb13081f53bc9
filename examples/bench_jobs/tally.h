// What a benchmark job says about its output, and a plain fold about what it should be.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "examples/bench_jobs/records.h"

namespace bench_jobs {

/// A number that depends on fields of the record and costs next to nothing: what a measured run adds up.
inline std::uint64_t weigh(const Bid& bid) { return static_cast<std::uint64_t>(bid.auction + bid.price); }
inline std::uint64_t weigh(const AuctionPrice& bid) { return static_cast<std::uint64_t>(bid.auction * bid.price); }
inline std::uint64_t weigh(const KeyCount& row) {
  return static_cast<std::uint64_t>(row.key) * static_cast<std::uint64_t>(row.count);
}
inline std::uint64_t weigh(const StampedCount& row) {
  return static_cast<std::uint64_t>(row.key) * static_cast<std::uint64_t>(row.count);
}

constexpr std::uint64_t stir(std::uint64_t so_far, std::uint64_t word) {
  so_far = (so_far ^ word) * 0x9E3779B97F4A7C15ull;
  return so_far ^ (so_far >> 29);
}
inline std::uint64_t stir(std::uint64_t so_far, std::string_view bytes) {
  so_far = stir(so_far, bytes.size());
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    so_far = stir(so_far, word);
  }
  std::uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return stir(so_far, rest);
}

/// A hash of every field and byte of the record: what a checking run adds up.
inline std::uint64_t digest(const Bid& bid) {
  std::uint64_t all = 1;
  for (const std::int64_t number : {bid.auction, bid.bidder, bid.price, bid.ts})
    all = stir(all, static_cast<std::uint64_t>(number));
  for (const std::string_view text : {bid.channel.view(), bid.url.view(), bid.extra.view()}) all = stir(all, text);
  return all;
}
inline std::uint64_t digest(const AuctionPrice& bid) {
  return stir(stir(2, static_cast<std::uint64_t>(bid.auction)), static_cast<std::uint64_t>(bid.price));
}
inline std::uint64_t digest(const KeyCount& row) {
  return stir(stir(3, static_cast<std::uint64_t>(row.key)), static_cast<std::uint64_t>(row.count));
}
/// Without the time: that differs from run to run.
inline std::uint64_t digest(const StampedCount& row) { return digest(KeyCount{row.key, row.count}); }

/// Rows, and the sum of their weights or digests, wrapping: the same in whatever order they come.
struct Tally {
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;
};

}  // namespace bench_jobs

// The records of the benchmark jobs, made from their number: the arithmetic that README.md defines in words.
#pragma once

#include <cstdint>
#include <cstdio>
#include <iterator>
#include <memory>
#include <utility>

#include "weir/connectors/generator.h"
#include "weir/text.h"

namespace bench_jobs {

using weir::connectors::random_below;
using weir::connectors::random_word;

inline constexpr std::uint64_t kSeed = 42;
/// Events per second of event time: a bid's `ts`.
inline constexpr std::uint64_t kEventRate = 200'000;

struct Small {
  std::int64_t key;
  std::int64_t value;
};
struct Bid {
  std::int64_t auction;
  std::int64_t bidder;
  std::int64_t price;
  std::int64_t ts;  ///< milliseconds
  weir::Text channel;
  weir::Text url;
  weir::Text extra;
};
/// A bid's fields that `filter_project` looks at.
struct AuctionPrice {
  std::int64_t auction;
  std::int64_t price;
};
struct KeyCount {
  std::int64_t key;
  std::int64_t count;
};
/// A count, and the time at which its record was made, in nanoseconds of the machine's steady clock.
struct StampedCount {
  std::int64_t key;
  std::int64_t count;
  std::int64_t made_ns;
};

inline std::int64_t auction_of(std::uint64_t z) {
  // Both are computed and one is chosen: a coin's branch is guessed wrong every other time.
  const std::uint64_t hot = ((z >> 1) & 0xffffff) % 100 * 1000;
  const std::uint64_t any = ((z >> 8) & 0xffffff) % 100'000;
  const std::uint64_t chosen = std::uint64_t{0} - (z & 1);
  return static_cast<std::int64_t>(1000 + ((hot & chosen) | (any & ~chosen)));
}
inline std::int64_t bidder_of(std::uint64_t z) {
  return static_cast<std::int64_t>(1000 + ((z >> 24) & 0xffffff) % 50'000);
}
inline std::int64_t price_of(std::uint64_t z) { return static_cast<std::int64_t>((z >> 40) & 0xfffff); }

/// {key uniform in [0, keys), 16 bits}
struct MakeSmall {
  using Record = Small;
  std::uint64_t keys;  ///< below 2^31
  Small operator()(std::uint64_t n) const {
    const std::uint64_t z = random_word(kSeed, n);
    return {static_cast<std::int64_t>(random_below(z, keys)), static_cast<std::int64_t>(z & 0xffff)};
  }
};

/// The 1,024 triples of texts that bids draw from. A copy shares them.
class BidTexts {
 public:
  /// Views and the bytes that they show, side by side: a bid touches two cache lines.
  struct alignas(64) Triple {
    weir::Text channel, url, extra;
    char bytes[80];
  };
  BidTexts();
  const Triple& operator[](std::size_t at) const { return triples_.get()[at]; }

 private:
  std::shared_ptr<const Triple[]> triples_;
};

inline BidTexts::BidTexts() {
  constexpr std::size_t kTriples = 1024;
  std::shared_ptr<Triple[]> made(new Triple[kTriples]);
  for (std::uint64_t i = 0; i < kTriples; ++i) {
    Triple& triple = made[i];
    char* to = triple.bytes;
    const auto print = [&](const char* form, std::uint64_t number) {
      const int size =
          std::snprintf(to, static_cast<std::size_t>(std::end(triple.bytes) - to), form, static_cast<unsigned>(number));
      const weir::Text text = weir::Text::borrow({to, static_cast<std::size_t>(size)});
      to += size;
      return text;
    };
    triple.channel = print("ch%04u", random_word(1, i) % 10'000);
    triple.url = print("https://www.example.com/item.htm?q=%04u", random_word(2, i) % 10'000);
    for (std::uint64_t k = 0; k < 30; ++k) to[k] = static_cast<char>('a' + random_word(3, 30 * i + k) % 26);
    triple.extra = weir::Text::borrow({to, 30});
  }
  triples_ = std::move(made);
}

struct MakeBid {
  using Record = Bid;
  BidTexts texts;
  Bid operator()(std::uint64_t n) const {
    const std::uint64_t z = random_word(kSeed, n);
    const BidTexts::Triple& text = texts[z >> 54];
    return {auction_of(z), bidder_of(z), price_of(z), static_cast<std::int64_t>(n * 1000 / kEventRate),
            text.channel,  text.url,     text.extra};
  }
};

/// The same bids with nothing made but what a query over auction and price needs: projection pushed into the source.
struct MakeAuctionPrice {
  using Record = AuctionPrice;
  AuctionPrice operator()(std::uint64_t n) const {
    const std::uint64_t z = random_word(kSeed, n);
    return {auction_of(z), price_of(z)};
  }
};

}  // namespace bench_jobs

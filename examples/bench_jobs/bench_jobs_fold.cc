// The same computations as the jobs', in one thread, without batches, exchange or state backend: what a job's result is
// compared with.
//   bench_jobs_fold JOB RECORDS [--keys N] [--digests]     prints "rows sum seconds", the last the CPU seconds that it
//   took
#include <ctime>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include "examples/bench_jobs/records.h"
#include "examples/bench_jobs/tally.h"

namespace {

using namespace bench_jobs;

[[noreturn]] void refuse(const char* sentence, std::string_view word) {
  std::fprintf(stderr, "bench_jobs_fold: %s: '%.*s'\n", sentence, static_cast<int>(word.size()), word.data());
  std::exit(2);
}

std::uint64_t number(std::string_view word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) refuse("not a number", word);
  return value;
}

template <bool kDigests, class Row>
std::uint64_t value_of(const Row& row) {
  if constexpr (kDigests) {
    return digest(row);
  } else {
    return weigh(row);
  }
}

template <bool kDigests, class Make>
Tally pass(const Make& make, std::uint64_t records) {
  Tally tally{records, 0};
  for (std::uint64_t n = 0; n < records; ++n) tally.sum += value_of<kDigests>(make(n));
  return tally;
}

template <bool kDigests>
Tally filter_project(std::uint64_t records) {
  Tally tally;
  const MakeBid make;
  for (std::uint64_t n = 0; n < records; ++n) {
    const Bid bid = make(n);
    if (bid.auction % 123 != 0) continue;
    ++tally.rows;
    tally.sum += value_of<kDigests>(AuctionPrice{bid.auction, bid.price});
  }
  return tally;
}

template <bool kDigests, class KeyOf>
Tally keyed_count(std::uint64_t records, std::uint64_t keys, const KeyOf& key_of) {
  std::vector<std::int64_t> counts(keys);
  Tally tally{records, 0};
  for (std::uint64_t n = 0; n < records; ++n) {
    const std::int64_t key = key_of(n);
    tally.sum += value_of<kDigests>(KeyCount{key, ++counts[static_cast<std::size_t>(key)]});
  }
  return tally;
}

template <bool kDigests>
Tally fold(std::string_view job, std::uint64_t records, std::uint64_t keys) {
  if (job == "pass") return pass<kDigests>(MakeBid{}, records);
  if (job == "filter_project" || job == "filter_project_pushed") return filter_project<kDigests>(records);
  if (job == "keyed_count_small" || job == "latency") {
    return keyed_count<kDigests>(records, keys, [make = MakeSmall{keys}](std::uint64_t n) { return make(n).key; });
  }
  if (job == "keyed_count_bid") {
    // Auctions are below 1000 + 100,000.
    return keyed_count<kDigests>(records, 101'000, [make = MakeBid{}](std::uint64_t n) { return make(n).auction; });
  }
  refuse("no such job", job);
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: bench_jobs_fold JOB RECORDS [--keys N] [--digests]\n");
    return 2;
  }
  std::uint64_t keys = 100'000;
  bool digests = false;
  for (int i = 3; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--digests") {
      digests = true;
    } else if (word == "--keys" && i + 1 < count) {
      keys = number(words[++i]);
    } else {
      refuse("unknown option, or one without its value", word);
    }
  }
  if (keys == 0 || keys >= std::uint64_t{1} << 31) refuse("--keys must be 1 to 2147483647", words[0]);
  const std::uint64_t records = number(words[2]);
  const Tally tally = digests ? fold<true>(words[1], records, keys) : fold<false>(words[1], records, keys);
  std::printf("%llu %llu %.3f\n", static_cast<unsigned long long>(tally.rows),
              static_cast<unsigned long long>(tally.sum), static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
  return 0;
}

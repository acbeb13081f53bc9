#include "tests/bench/handover.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/bench/measure.h"

namespace weir::bench {

namespace {

constexpr std::size_t kBytes = 32 << 10;
constexpr std::size_t kBuffers = 4;
constexpr std::uint32_t kRounds = 4000;

std::uint64_t sum_of(const std::uint8_t* bytes) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kBytes; at += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, bytes + at, sizeof word);
    sum += word;
  }
  return sum;
}

}  // namespace

double handover_us() {
  std::vector<std::uint8_t> buffers(kBytes * kBuffers);
  alignas(128) std::atomic<std::uint32_t> written{0};
  alignas(128) std::atomic<std::uint32_t> read{0};
  std::atomic<std::uint64_t> sum{0};
  std::thread reader([&] {
    std::uint64_t seen = 0;
    for (std::uint32_t round = 1; round <= kRounds; ++round) {
      while (written.load(std::memory_order_acquire) != round) {
      }
      seen += sum_of(buffers.data() + round % kBuffers * kBytes);
      read.store(round, std::memory_order_release);
    }
    sum = seen;
  });
  const double before = steady_seconds();
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    std::memset(buffers.data() + round % kBuffers * kBytes, static_cast<int>(round), kBytes);
    written.store(round, std::memory_order_release);
    while (read.load(std::memory_order_acquire) != round) {
    }
  }
  const double seconds = steady_seconds() - before;
  reader.join();
  return seconds / kRounds * 1e6;
}

}  // namespace weir::bench

#include "common/rpc/backoff.h"

#include <algorithm>

#include "common/base/ensure.h"

namespace weir::rpc {

Backoff::Backoff(std::chrono::milliseconds shortest, std::chrono::milliseconds longest, std::uint64_t seed)
    : shortest_(shortest), longest_(longest), current_(shortest), random_(seed) {
  ENSURE(shortest.count() > 0 && shortest <= longest, "back-off from {} to {} ms", shortest.count(), longest.count());
}

std::chrono::milliseconds Backoff::next() {
  // SplitMix64. Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
  std::uint64_t mixed = random_ += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31;
  const auto pause = current_;
  current_ = std::min(longest_, current_ * 2);
  const auto half = static_cast<std::uint64_t>(pause.count() / 2);
  return pause - std::chrono::milliseconds(mixed % (half + 1));
}

void Backoff::reset() { current_ = shortest_; }

}  // namespace weir::rpc

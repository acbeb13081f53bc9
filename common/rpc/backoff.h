// How long to wait before trying again.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir::rpc {

/// Doubling pauses with jitter, so that many who lost the same peer do not return in step.
/// Lives on: any thread (pure but for its own state).
class Backoff {
 public:
  /// @param shortest,longest  the pauses double from the one to the other; each is shortened at random by up to half
  /// @param seed              different for each process
  Backoff(std::chrono::milliseconds shortest, std::chrono::milliseconds longest, std::uint64_t seed);

  /// The next pause.
  std::chrono::milliseconds next();
  /// After a success: begins again with the shortest.
  void reset();

 private:
  const std::chrono::milliseconds shortest_;
  const std::chrono::milliseconds longest_;
  std::chrono::milliseconds current_;
  std::uint64_t random_;
};

}  // namespace weir::rpc

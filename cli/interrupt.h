#pragma once

#include <chrono>

namespace weir::cli {

/// Ctrl-C (SIGINT) and SIGTERM as something to wait for, while this object lives. One at a time.
/// Lives on: the main thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();  ///< signals end the program again
  Interrupt(const Interrupt&) = delete;

  /// Waits; true as soon as a signal has come, also an earlier one.
  bool wait_for(std::chrono::milliseconds pause);

 private:
  int descriptor_ = -1;  // of signalfd
  bool signalled_ = false;
};

}  // namespace weir::cli

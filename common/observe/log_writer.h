// The thread that writes a log: a log directory that is slow, hangs or is full holds up nobody who logs.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "common/observe/log.h"

namespace spdlog {
class logger;
}

namespace weir::log {

/// Writes lines in the order in which they come.
/// Any thread. Owned by the log. What its mutex guards: the queue of lines that are not written yet.
/// Promise: as long as the files take what they are given, a line is written when `write` returns, so that a process
/// that is killed has said everything it said. Where they do not, nobody waits longer than kPatience, lines queue up to
/// kQueueBytesMax, and what is lost beyond that, or was refused (no space left), is counted: a line says so once lines
/// can be written again.
class LogWriter {
 public:
  static constexpr std::chrono::milliseconds kPatience{100};
  static constexpr std::size_t kQueueBytesMax = 8 * 1024 * 1024;

  explicit LogWriter(std::shared_ptr<spdlog::logger> logger);
  /// Waits for what is queued, but for no longer than a second. A write that hangs is left to its thread.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  void write(Level level, std::string_view text);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace weir::log

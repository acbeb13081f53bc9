// Carries what a worker prints from its pipe into files.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/executor.h"
#include "common/base/unique_fd.h"
#include "taskmanager/jobs/output_file.h"

namespace weir::taskmanager {

/// The last lines of a stream. Lives on: any thread (a value).
class LastLines {
 public:
  static constexpr std::size_t kLinesMax = 20;
  static constexpr std::size_t kLineBytesMax = 500;

  void add(std::string_view bytes);
  /// Oldest first, one a line, fit for a log. Empty when nothing was printed.
  std::string text() const;

 private:
  void end_line();

  std::deque<std::string> lines_;
  std::string open_;
};

/// Lives on: the control thread. Owned by the worker's process; the files outlive it.
class OutputPump {
 public:
  /// @param pipe  reading end; @param files  each gets every byte
  OutputPump(asio::any_io_executor executor, UniqueFd pipe, std::vector<OutputFile*> files);
  ~OutputPump();

  /// Reads until the writers have closed or stop() is called. A file that is slow slows the writer down.
  Async<void> run();
  /// Makes run() return after what is in the pipe now.
  void stop();

  const LastLines& last_lines() const noexcept { return last_; }

 private:
  struct Pipe;

  std::unique_ptr<Pipe> pipe_;
  std::vector<OutputFile*> files_;
  LastLines last_;
  bool stopping_ = false;
};

}  // namespace weir::taskmanager

#include "common/observe/log_writer.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace weir::log {
namespace {

constexpr std::chrono::seconds kEndTime{1};

struct Line {
  spdlog::log_clock::time_point time;
  spdlog::level::level_enum level;
  std::string text;
  std::uint64_t missing_before = 0;  // lines that did not fit the queue
};

/// The order of log::Level is spdlog's without "critical".
spdlog::level::level_enum to_spdlog(Level level) {
  if (level == Level::off) return spdlog::level::off;
  return static_cast<spdlog::level::level_enum>(level);
}
static_assert(static_cast<int>(Level::trace) == static_cast<int>(spdlog::level::trace));
static_assert(static_cast<int>(Level::error) == static_cast<int>(spdlog::level::err));

/// A thread in a write that does not return can be neither joined nor ended: it is kept until the process ends.
void keep_hanging(std::thread thread) {
  struct Hanging {
    std::mutex mutex;  // guards the threads
    std::vector<std::thread> threads;
  };
  static Hanging* const hanging = std::make_unique<Hanging>().release();
  const std::lock_guard lock(hanging->mutex);
  hanging->threads.push_back(std::move(thread));
}

}  // namespace

/// Shared by the writer and its thread, which may hang in a write when the writer goes.
struct LogWriter::State {
  explicit State(std::shared_ptr<spdlog::logger> its_logger) : logger(std::move(its_logger)) {
    logger->set_error_handler([this](const std::string& why) { refused(why); });
  }
  void run();
  void write_one(const Line& line);
  void refused(const std::string& why);
  void report_losses();

  std::mutex mutex;
  std::condition_variable more;
  std::condition_variable written;
  // Guarded by mutex
  std::deque<Line> queue;
  std::size_t queue_bytes = 0;
  std::uint64_t lines_in = 0;
  std::uint64_t lines_out = 0;
  std::uint64_t dropped = 0;  // lines that did not fit, behind the last one in the queue
  bool behind = false;        // somebody has waited in vain since the queue was last empty
  bool ending = false;
  // The writing thread only
  std::shared_ptr<spdlog::logger> logger;
  std::uint64_t lost = 0;  // not in the file, and no line there says so yet
  bool line_refused = false;
  std::string reason;
};

LogWriter::LogWriter(std::shared_ptr<spdlog::logger> logger) : state_(std::make_shared<State>(std::move(logger))) {
  thread_ = std::thread([state = state_] { state->run(); });
}

LogWriter::~LogWriter() {
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->more.notify_one();
  const bool done = state_->written.wait_for(lock, kEndTime, [this] { return state_->lines_out == state_->lines_in; });
  lock.unlock();
  if (done) {
    thread_.join();
  } else {
    keep_hanging(std::move(thread_));
  }
}

void LogWriter::write(Level level, std::string_view text) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.queue_bytes + text.size() > kQueueBytesMax) {
    ++state.dropped;
    return;
  }
  state.queue.push_back(
      {spdlog::log_clock::now(), to_spdlog(level), std::string(text), std::exchange(state.dropped, 0)});
  state.queue_bytes += text.size();
  const std::uint64_t mine = ++state.lines_in;
  state.more.notify_one();
  if (state.behind) return;
  const bool done = state.written.wait_for(lock, kPatience, [&] { return state.lines_out >= mine; });
  if (!done) state.behind = true;
}

void LogWriter::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    more.wait(lock, [this] { return !queue.empty() || ending; });
    if (queue.empty()) return;
    const Line line = std::move(queue.front());
    queue.pop_front();
    queue_bytes -= line.text.size();
    const std::uint64_t missing_behind = queue.empty() ? std::exchange(dropped, 0) : 0;
    lock.unlock();
    lost += line.missing_before;
    if (lost > 0) report_losses();
    write_one(line);
    lost += missing_behind;
    if (missing_behind > 0) report_losses();
    lock.lock();
    ++lines_out;
    if (queue.empty()) behind = false;
    written.notify_all();
  }
}

void LogWriter::State::write_one(const Line& line) {
  line_refused = false;
  logger->log(line.time, spdlog::source_loc(), line.level, spdlog::string_view_t(line.text.data(), line.text.size()));
  if (line_refused) ++lost;
}

/// Called by spdlog, in the middle of write_one, for each file that does not take the line.
void LogWriter::State::refused(const std::string& why) {
  line_refused = true;
  if (reason.empty()) std::fprintf(stderr, "%s: lines of the log are lost: %s\n", logger->name().c_str(), why.c_str());
  reason = why;
}

void LogWriter::State::report_losses() {
  const std::uint64_t before = std::exchange(lost, 0);
  const std::string text = fmt::format("{} lines of this log are missing here: {}", before,
                                       reason.empty() ? "writing took too long" : reason);
  write_one({spdlog::log_clock::now(), spdlog::level::warn, text});
  if (line_refused) {
    lost = before;
  } else {
    reason.clear();
  }
}

}  // namespace weir::log

// Kafka sources and sinks run as a slot runs them, for the tests against real brokers.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "tests/support/saved_state.h"
#include "weir/connectors/kafka.h"

namespace weir::connectors::test {

using std::chrono::steady_clock;
using weir::test::FakeOperatorContext;
using weir::test::RowOutput;

struct Item {
  std::int64_t id = 0;
  std::string name;
  bool operator==(const Item&) const = default;
  auto operator<=>(const Item&) const = default;
};

inline std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now().time_since_epoch()).count();
}

/// Waits as a slot does: for the descriptor or the time, never beyond the deadline.
inline void wait_for(const Progress& progress, steady_clock::time_point deadline) {
  if (progress.kind == Progress::Kind::more) return;
  const std::int64_t left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  const std::int64_t until =
      progress.wake_at_ms == Progress::kNever ? left : std::min(left, progress.wake_at_ms - now_ms());
  pollfd fd{.fd = progress.wake_fd, .events = POLLIN, .revents = 0};
  ::poll(&fd, progress.wake_fd >= 0 ? 1 : 0, static_cast<int>(std::max<std::int64_t>(until, 0)));
}

/// One subtask of a source being polled.
template <class T>
class Running {
 public:
  Running(const Source<T>& source, std::uint32_t subtask, std::uint32_t subtasks, const std::string& state = {})
      : context_(subtask, subtasks),
        output_([this](const T& record) { records.push_back(record); }),
        reader_(source.make_reader()) {
    context_.clock_ms = now_ms();
    std::optional<taskmanager::RestoredOperator> restored;
    if (!state.empty())
      context_.restored_state = &restored.emplace(weir::test::restored_from({state}, subtask, subtasks));
    const Result<void> opened = reader_->open(context_);
    if (!opened.ok()) error = opened.error().message;
  }
  ~Running() { reader_->close(); }

  /// Until it ends, fails, or has `count` records.
  Running& until(std::size_t count, std::chrono::seconds limit = std::chrono::seconds(30)) {
    const auto deadline = steady_clock::now() + limit;
    while (error.empty() && !finished && records.size() < count && steady_clock::now() < deadline) {
      context_.clock_ms = now_ms();
      Result<Progress> progress = reader_->poll(output_);
      if (!progress.ok()) {
        error = progress.error().message;
      } else if (progress->kind == Progress::Kind::finished) {
        finished = true;
      } else {
        last = *progress;
        if (records.size() < count) wait_for(*progress, deadline);
      }
    }
    return *this;
  }
  Running& to_end() { return until(SIZE_MAX); }

  std::string state() { return weir::test::save(*reader_); }
  const std::vector<BadRecord>& bad() const { return output_.bad; }
  const std::vector<std::int64_t>& times() const { return output_.times; }

  std::vector<T> records;
  std::string error;
  bool finished = false;
  Progress last;

 private:
  FakeOperatorContext context_;
  RowOutput<T> output_;
  std::unique_ptr<SourceReader> reader_;
};

/// A sink's writer as a slot drives it.
template <class T>
class Writing {
 public:
  explicit Writing(const Sink<T>& sink) : nowhere_([](const T&) {}), writer_(sink.make_writer()) {
    const Result<void> opened = writer_->open(context_);
    if (!opened.ok()) error = opened.error().message;
  }
  ~Writing() { writer_->close(); }

  void feed(const std::vector<T>& records) { weir::test::feed(*writer_, context_, records, nowhere_); }
  void finish() { writer_->end_of_input(0); }
  /// Once. @return  whether it wants more
  bool step(steady_clock::time_point deadline) {
    context_.clock_ms = now_ms();
    const Result<Progress> progress = writer_->ready(nowhere_);
    if (!progress.ok()) return error = progress.error().message, false;
    if (progress->kind == Progress::Kind::more) return true;
    wait_for(*progress, deadline);
    return false;
  }
  /// Until it wants more, or fails.
  void settle(std::chrono::seconds limit) {
    const auto deadline = steady_clock::now() + limit;
    while (error.empty() && !step(deadline)) {
      if (steady_clock::now() >= deadline) error = "not done in time";
    }
  }

  /// As before a snapshot. @return  what went wrong
  std::string flush() {
    for (const auto deadline = steady_clock::now() + std::chrono::seconds(60); steady_clock::now() < deadline;) {
      context_.clock_ms = now_ms();
      const auto before = steady_clock::now();
      const Result<Progress> progress = writer_->prepare_snapshot(1, nowhere_);
      CHECK_MESSAGE(steady_clock::now() - before < std::chrono::milliseconds(400), "it waited by itself");
      if (!progress.ok()) return progress.error().message;
      if (progress->kind == Progress::Kind::more) return "";
      wait_for(*progress, deadline);
    }
    return "not flushed in time";
  }

  std::string error;

 private:
  FakeOperatorContext context_;
  RowOutput<T> nowhere_;
  std::unique_ptr<Operator> writer_;
};

/// Feeds a sink and waits until everything is acknowledged. Answers what went wrong.
template <class T>
std::string send(const Sink<T>& sink, const std::vector<T>& records,
                 std::chrono::seconds limit = std::chrono::seconds(30)) {
  Writing<T> writing(sink);
  if (!writing.error.empty()) return writing.error;
  writing.feed(records);
  writing.finish();
  writing.settle(limit);
  return writing.error;
}

inline std::vector<Item> items(std::int64_t first, std::int64_t last) {
  std::vector<Item> items;
  for (std::int64_t id = first; id < last; ++id) items.push_back({id, "item " + std::to_string(id)});
  return items;
}

inline std::vector<Item> sorted(std::vector<Item> items) {
  std::sort(items.begin(), items.end());
  return items;
}

}  // namespace weir::connectors::test

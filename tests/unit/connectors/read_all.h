// Reads sources in tests: everything at once, or step by step.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "tests/support/saved_state.h"
#include "tests/support/temporary_directory.h"
#include "weir/source.h"

namespace weir::test {

inline std::string operator/(const TemporaryDirectory& directory, const std::string& name) {
  return (directory.path() / name).string();
}

/// Everything that one subtask reads, or the error.
template <class T>
struct Reading {
  std::vector<T> records;
  std::vector<BadRecord> bad;
  std::uint64_t bad_count = 0;
  std::string error;
};

template <class T>
Reading<T> read_all(const Source<T>& source, std::uint32_t subtask = 0, std::uint32_t subtasks = 1,
                    std::string* state = nullptr, int polls = 1'000'000) {
  Reading<T> reading;
  FakeOperatorContext context(subtask, subtasks);
  RowOutput<T> output([&](const T& record) { reading.records.push_back(record); });
  const auto reader = source.make_reader();
  std::optional<taskmanager::RestoredOperator> restored;
  if (state != nullptr && !state->empty()) context.restored_state = &restored.emplace(restored_from({*state}));
  Result<void> opened = reader->open(context);
  if (!opened.ok()) reading.error = opened.error().message;
  for (; opened.ok() && polls > 0; --polls) {
    Result<Progress> progress = reader->poll(output);
    if (!progress.ok()) {
      reading.error = progress.error().message;
      break;
    }
    if (progress->kind == Progress::Kind::finished) break;
  }
  if (state != nullptr) {
    *state = save(*reader);
  }
  reader->close();
  reading.bad = output.bad;
  reading.bad_count = context.counters["numBadRecords"].value;
  CHECK(context.heap.out() == 0);
  return reading;
}

inline std::vector<std::string> lines(int count) {
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i)
    lines.push_back("line " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 40), 'x'));
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines, const char* end = "\n") {
  std::string text;
  for (const std::string& line : lines) text += line + end;
  return text;
}

/// One reader under way, whose clock the test moves.
template <class T>
class Reader {
 public:
  explicit Reader(const Source<T>& source, const std::string& state = {}) : reader_(source.make_reader()) {
    std::optional<taskmanager::RestoredOperator> restored;
    if (!state.empty()) context.restored_state = &restored.emplace(restored_from({state}));
    Result<void> opened = reader_->open(context);
    if (!opened.ok()) error = opened.error().message;
  }
  ~Reader() { reader_->close(); }

  /// Polls until the reader waits, has ended or has failed.
  Progress poll() {
    Progress progress = Progress::more();
    for (int i = 0; i < 1'000'000 && error.empty() && progress.kind == Progress::Kind::more; ++i)
      progress = poll_once();
    return progress;
  }
  Progress poll_once() {
    Result<Progress> progress = reader_->poll(output);
    if (progress.ok()) return *progress;
    error = progress.error().message;
    return Progress::finished();
  }
  std::string snapshot() { return save(*reader_); }
  /// What has come since the last time.
  std::vector<T> take() { return std::exchange(records_, {}); }

  FakeOperatorContext context;
  RowOutput<T> output{[this](const T& record) { records_.push_back(record); }};
  std::string error;

 private:
  std::unique_ptr<SourceReader> reader_;
  std::vector<T> records_;
};

}  // namespace weir::test

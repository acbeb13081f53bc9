// Files: a source over files, directories and patterns, and a sink of part files.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "weir/connectors/raw_reader.h"
#include "weir/connectors/row_writer.h"
#include "weir/sink.h"
#include "weir/source.h"

namespace weir::connectors {

/// Makes a boundary for each file that is read.
using BoundaryFactory = std::function<std::unique_ptr<RecordBoundary>()>;

struct FileSourceOptions {
  /// Absolute: a file, a directory (its files and those of the directories in it, without names that begin with '.' or
  /// '_' and parts in progress), or a pattern with * ? [ ].
  std::string path;
  FormatPtr format;
  /// Where records begin; empty: as the format says.
  BoundaryFactory boundary;
  OnBadRecord on_bad_record = OnBadRecord::fail;
  /// Files are cut into ranges of this many bytes, which are shared out among the subtasks.
  std::uint64_t split_bytes = 16u << 20;
  /// A longer record is a bad one.
  std::size_t record_bytes_max = 16u << 20;
  /// How often to look for files that are new, and never end; 0: read what is there and end.
  std::chrono::milliseconds monitor_interval{0};
  /// Records a second over all subtasks.
  double max_rate = RateLimit::kNone;
};

/// Checks a path as the source will use it. Errors: relative, not there, nothing in it.
Result<void> check_input_path(const std::string& path);
/// Errors: below a millisecond.
Result<void> check_monitor_interval(std::chrono::milliseconds interval);

/// The reader of one subtask: lists the files itself and reads the splits that are its own. State: one position per
/// split.
std::unique_ptr<RawReader> make_file_reader(FileSourceOptions options);

/// Records of T from files, compressed ones included (.gz, .zst); ends when all are read.
template <class T>
class FileSource final : public Source<T> {
 public:
  /// @param path  absolute; "/logs" or as parse_file_path takes it, "file:///logs"
  FileSource(const std::string& path, FormatPtr format) {
    options_.path = required_path(path, "file source");
    options_.format = std::move(format);
    require(options_.format->check(type_of<T>()), "file source of " + options_.path);
  }
  FileSource& record_boundary(BoundaryFactory boundary) { return options_.boundary = std::move(boundary), *this; }
  FileSource& on_bad_record(OnBadRecord choice) { return options_.on_bad_record = choice, *this; }
  FileSource& split_bytes(std::uint64_t bytes) { return options_.split_bytes = bytes, *this; }
  FileSource& record_bytes_max(std::size_t bytes) { return options_.record_bytes_max = bytes, *this; }
  /// Goes on for ever and looks for new files this often, as `source.monitor-interval` does in Flink. A file is known
  /// by its path: what is appended to one that was seen is not read, and one that is renamed is read again.
  FileSource& monitor_interval(std::chrono::milliseconds interval) {
    require(check_monitor_interval(interval), "file source of " + options_.path);
    return options_.monitor_interval = interval, *this;
  }
  /// Records a second over all subtasks; each gets an equal share.
  FileSource& max_rate(double records_per_second) {
    require(check_max_rate(records_per_second), "file source of " + options_.path);
    return options_.max_rate = records_per_second, *this;
  }

  std::string name() const override { return "Files: " + options_.path; }
  bool bounded() const override { return options_.monitor_interval.count() == 0; }
  OnBadRecord on_bad_record() const override { return options_.on_bad_record; }
  std::unique_ptr<SourceReader> make_reader() const override {
    return std::make_unique<DecodingReader<T>>(name(), make_file_reader(options_),
                                               options_.format->make_decoder(type_of<T>()), options_.on_bad_record,
                                               options_.max_rate);
  }

 private:
  FileSourceOptions options_;
};

/// When a part is full: as soon as one of these says so. The next record begins a new one. Defaults are Flink's
/// (DefaultRollingPolicy).
struct RollingPolicy {
  /// When it has grown to this many bytes; `sink.rolling-policy.file-size`.
  std::uint64_t file_bytes = 128u << 20;
  /// When its first record is this old; `sink.rolling-policy.rollover-interval`. 0: never.
  std::chrono::milliseconds rollover_interval{60'000};
  /// When nothing has come for so long; `sink.rolling-policy.inactivity-interval`. 0: never.
  std::chrono::milliseconds inactivity_interval{60'000};
};
/// Errors: a size of nothing, a negative interval.
Result<void> check_rolling_policy(const RollingPolicy& policy);

struct FileSinkOptions {
  /// Absolute; made when it is not there.
  std::string directory;
  FormatPtr format;
  RollingPolicy rolling;
  /// After the number, such as ".json".
  std::string suffix;
};

/// The writer of one subtask: `part-<subtask>-<n>`, written as `.part-<subtask>-<n>.inprogress.<random>` and renamed
/// when it is whole and on disk.
std::unique_ptr<ByteSink> make_part_files(FileSinkOptions options);

/// One record a line (or as the format says) into part files of a directory.
template <class T>
class FileSink final : public Sink<T> {
 public:
  /// @param directory  absolute; as parse_file_path takes it
  FileSink(const std::string& directory, FormatPtr format) {
    options_.directory = required_path(directory, "file sink");
    options_.format = std::move(format);
    require(options_.format->check(type_of<T>()), "file sink to " + options_.directory);
  }
  FileSink& rolling_policy(RollingPolicy policy) {
    require(check_rolling_policy(policy), "file sink to " + options_.directory);
    return options_.rolling = policy, *this;
  }
  FileSink& suffix(std::string suffix) { return options_.suffix = std::move(suffix), *this; }

  std::string name() const override { return "Files: " + options_.directory; }
  std::unique_ptr<Operator> make_writer() const override {
    return std::make_unique<RowWriter<T>>(make_part_files(options_), options_.format->make_encoder(type_of<T>()));
  }

 private:
  FileSinkOptions options_;
};

}  // namespace weir::connectors

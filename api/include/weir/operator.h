// Operator: the type-erased contract between a task and what runs in it. Users meet it only through DataStream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weir/batch.h"
#include "weir/result.h"
#include "weir/time.h"

namespace weir {

class ByteReader;
class ByteWriter;

/// What a step, a source or a sink answers about going on.
struct Progress {
  enum class Kind : std::uint8_t {
    more,      ///< call again
    idle,      ///< nothing to do until input, a timer or mail comes
    blocked,   ///< took everything given; call again when `wake_fd` is readable or `wake_at_ms` has come
    finished,  ///< will never have anything again
  };
  static constexpr std::int64_t kNever = INT64_MAX;

  Kind kind = Kind::more;
  int wake_fd = -1;                  ///< -1: none
  std::int64_t wake_at_ms = kNever;  ///< monotonic milliseconds (OperatorContext::now_ms)

  static Progress more() { return {}; }
  static Progress idle() { return {Kind::idle, -1, kNever}; }
  static Progress finished() { return {Kind::finished, -1, kNever}; }
  static Progress blocked_on(int fd, std::int64_t at_ms = kNever) { return {Kind::blocked, fd, at_ms}; }
  static Progress blocked_until(std::int64_t at_ms) { return {Kind::blocked, -1, at_ms}; }
};

/// Where an operator or source puts what it makes. Lives on: the slot's thread.
class Output {
 public:
  virtual ~Output() = default;
  /// Hands rows on. The batch's block is the caller's again afterwards, unless batch.taken().
  virtual void emit(Batch& batch) = 0;
  /// The same for side output `index` (1 is the first; 0 is the main output).
  virtual void emit_side(std::uint32_t index, Batch& batch) = 0;
  /// No later row has an event time at or below this. Must not go backwards.
  virtual void emit_watermark(EventTime watermark) = 0;
};

/// A counter of a user function or connector: added to on the slot's thread, read by others now and then.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(std::uint64_t amount) = 0;
};

/// A number of a user function or connector that goes up and down: set on the slot's thread, read by others now and
/// then.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
};

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// What an operator knows about where it runs. Lives on: the slot's thread. Outlives the operator.
class OperatorContext {
 public:
  virtual ~OperatorContext() = default;
  virtual std::string_view job_name() const = 0;
  /// The chain that the operator runs in: "Source: lines -> Map".
  virtual std::string_view task_name() const = 0;
  virtual std::string_view operator_name() const = 0;
  virtual std::uint32_t subtask_index() const = 0;
  virtual std::uint32_t parallelism() const = 0;
  virtual std::uint32_t max_parallelism() const = 0;
  virtual std::uint32_t attempt() const = 0;
  /// The slot's pool.
  virtual BlockPool& pool() = 0;
  /// Monotonic clock in milliseconds, read once per step.
  virtual std::int64_t now_ms() const = 0;
  /// Wall clock in milliseconds since 1970, read once per step.
  virtual std::int64_t wall_ms() const = 0;
  /// The counter of that name in this operator; the same object for the same name. Never null.
  virtual Counter* counter(std::string_view name) = 0;
  /// The same for a gauge. A gauge that was never set is 0.
  virtual Gauge* gauge(std::string_view name) = 0;
  virtual void log(LogLevel level, std::string_view text) = 0;
  /// Calls the operator's on_timer(at_ms) once, on this thread, when the monotonic clock has reached it.
  virtual void wake_at(std::int64_t at_ms) = 0;
  /// The job's configuration value of a key; empty when it is not set.
  virtual std::string_view setting(std::string_view key) const = 0;
  /// The longest record in bytes.
  virtual std::uint32_t record_bytes_max() const = 0;
};

/// One operator of a chain. Lives on: the slot's thread; made there, opened once, closed once.
/// User code in it may throw: the task catches it and fails. Order: restore?, open, (process | on_watermark | on_timer
/// | snapshot)*, end_of_input once per input, close. Close is called whenever open was, however the task ends.
class Operator {
 public:
  virtual ~Operator() = default;
  virtual Result<void> open(OperatorContext&) { return {}; }
  /// Takes all rows of the batch. `input` is 0 but for two-input operators.
  virtual void process(std::uint32_t input, Batch& batch, Output& output) = 0;
  /// The watermark over all inputs has advanced. The default hands it on.
  virtual void on_watermark(EventTime watermark, Output& output) { output.emit_watermark(watermark); }
  /// A time asked for by wake_at has come.
  virtual void on_timer(std::int64_t, Output&) {}
  /// Input `input` has no more rows: emit what is left. The engine sends the last watermark itself.
  virtual void end_of_input(std::uint32_t, Output&) {}
  /// After process or end_of_input: may it be given more? Asked after every batch, and again when what it named has
  /// come. Only sinks and asynchronous operators answer anything but `more`. After end_of_input, the operator is done
  /// when this answers more or idle.
  virtual Result<Progress> ready(Output&) { return Progress::more(); }
  /// Writes or reads the operator's state. Between batches.
  virtual Result<void> snapshot(ByteWriter&) { return {}; }
  virtual Result<void> restore(ByteReader&) { return {}; }
  virtual void close() {}
};

/// What a source is at run time. Lives on: the slot's thread.
class SourceReader {
 public:
  virtual ~SourceReader() = default;
  virtual Result<void> open(OperatorContext&) { return {}; }
  /// Emits about one block of rows, or says what wakes it. Must not block the thread.
  virtual Result<Progress> poll(Output& output) = 0;
  virtual Result<void> snapshot(ByteWriter&) { return {}; }
  virtual Result<void> restore(ByteReader&) { return {}; }
  virtual void close() {}
};

/// The hash of every row's key, for the exchange. Lives on: the slot's thread of the producer.
class KeyHasher {
 public:
  virtual ~KeyHasher() = default;
  /// hashes[i] for the i-th row of the batch (i counts within the batch, not the block).
  virtual void hash(const Batch& batch, std::uint64_t* hashes) = 0;
};

/// The subtask of every row, for an exchange whose partitioner the user wrote. Lives on: the slot's thread of the
/// producer.
class RowRouter {
 public:
  virtual ~RowRouter() = default;
  /// target_of[i], from 0 to targets - 1, for the i-th row of the batch (i counts within the batch, not the block).
  /// Errors: what the user's function throws; std::out_of_range when it answers the number of no subtask.
  virtual void route(const Batch& batch, std::uint32_t targets, std::uint16_t* target_of) = 0;
};

}  // namespace weir

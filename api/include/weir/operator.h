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

class KeyedBackend;
class RestoredState;
class SnapshotContext;

/// What a step, a source, an operator or a sink returns about going on.
struct Progress {
  enum class Kind : std::uint8_t {
    more,      ///< call again; an operator: takes more
    idle,      ///< nothing to do until input, a timer or mail comes
    blocked,   ///< took everything given, takes no more; call again when `wake_fd` is readable or `wake_at_ms` has come
    finished,  ///< will never have anything again: end of data
  };
  static constexpr std::int64_t kNever = INT64_MAX;

  Kind kind = Kind::more;
  int wake_fd = -1;                  ///< -1: none
  std::int64_t wake_at_ms = kNever;  ///< monotonic milliseconds (OperatorContext::now_ms)

  static Progress more() { return {}; }
  /// An operator takes more, and wants to be asked also when the descriptor is readable or the time has come. The
  /// descriptor stays open until a later Progress names another one or none.
  static Progress more_and_wake(int fd, std::int64_t at_ms = kNever) { return {Kind::more, fd, at_ms}; }
  static Progress idle() { return {Kind::idle, -1, kNever}; }
  static Progress finished() { return {Kind::finished, -1, kNever}; }
  static Progress blocked_on(int fd, std::int64_t at_ms = kNever) { return {Kind::blocked, fd, at_ms}; }
  static Progress blocked_until(std::int64_t at_ms) { return {Kind::blocked, -1, at_ms}; }
  /// An operator has emitted a part of what it has marked: call again as soon as there is room, and give nothing
  /// before.
  static Progress again() { return blocked_until(0); }
};

/// Where watermarks go. Lives on: the slot's thread.
class WatermarkOutput {
 public:
  virtual ~WatermarkOutput() = default;
  /// No later row has an event time at or below this. Must not go backwards. It is handed on when the call that emits
  /// it returns, behind the rows of that call.
  virtual void emit_watermark(EventTime watermark) = 0;
};

/// Where an operator or source puts what it makes. Lives on: the slot's thread.
class Output : public WatermarkOutput {
 public:
  /// Hands rows on. The batch's block is the caller's again afterwards, unless batch.taken().
  virtual void emit(Batch& batch) = 0;
  /// The same for side output `index` (1 is the first; 0 is the main output).
  virtual void emit_side(std::uint32_t index, Batch& batch) = 0;
};

/// Where a source puts what it makes. A source of several splits hands each split's watermarks to that split's output:
/// the source's own watermark is then the least over its splits. Rows may go to the source's or to a split's output.
/// The reader numbers its splits itself: small numbers, from 0, used again after release. Lives on: the slot's thread.
class SourceOutput : public Output {
 public:
  /// The output of a split, made when there is none. Until the split's first watermark the source's stands still.
  virtual Output& split(std::uint32_t number) = 0;
  /// The split has nothing for now and holds the source's watermark back no more, until it emits again.
  virtual void mark_idle(std::uint32_t number) = 0;
  /// The split has been read to its end, or belongs to another subtask now.
  virtual void release(std::uint32_t number) = 0;
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
  /// What a snapshot holds for this operator, to be read during open(); null when the job starts without state.
  virtual RestoredState* restored() = 0;
  /// Where the operator's keyed state lives, each call another one; null: in the operator's own table.
  virtual std::unique_ptr<KeyedBackend> make_keyed_backend() = 0;
};

/// One operator of a chain. Lives on: the slot's thread; made there, opened once, closed once.
/// User code in it may throw: the task catches it and fails. Order: open, any number of the calls between, close. Close
/// is called whenever open was, however the task ends.
///
/// Emission has back-pressure: process() emits what its batch gives; on_watermark, on_timer and end_of_input only mark
/// work, and ready() emits it, about a block a call. The engine calls ready() after each of those, and again as the
/// Progress says. It calls process, on_watermark, ready and prepare_snapshot only while nothing behind the operator
/// waits and no output that it leads to is full, and gives no batch, watermark or end before ready() has returned more.
class Operator {
 public:
  virtual ~Operator() = default;
  /// Prepares, and takes up context.restored() if there is any.
  virtual Result<void> open(OperatorContext&) { return {}; }
  /// Takes all rows of the batch. `input` is 0 but for two-input operators.
  virtual void process(std::uint32_t input, Batch& batch, Output& output) = 0;
  /// The watermark over all inputs has advanced. The default hands it on. An operator that has rows to emit first marks
  /// them, and emits the watermark in ready() behind the last of them.
  virtual void on_watermark(EventTime watermark, WatermarkOutput& output) { output.emit_watermark(watermark); }
  /// A time asked for by wake_at has come. Comes also while the operator waits or must not emit.
  virtual void on_timer(std::int64_t /*at_ms*/) {}
  /// Input `input` has no more rows: end of data. Of the last input it comes behind the last watermark. Snapshots may
  /// still follow, also the last one of the job. A job that is stopped without draining ends its tasks without it.
  virtual void end_of_input(std::uint32_t /*input*/) {}
  /// Emits about a block of what is marked; may it be given more? When all inputs have ended, the operator is done when
  /// this returns more or idle.
  virtual Result<Progress> ready(Output&) { return Progress::more(); }

  /// A checkpoint begins: emits what must be on its way before the checkpoint's barrier. Called again, as ready() is,
  /// until it returns more; then comes snapshot().
  virtual Result<Progress> prepare_snapshot(std::uint64_t /*checkpoint_id*/, Output&) { return Progress::more(); }
  /// Notes the state of now. Must be quick: what takes long is handed to context.write_later().
  virtual Result<void> snapshot(SnapshotContext&) { return {}; }
  /// A checkpoint that this operator was part of is safe, and all before it. May come late, and not at all. Errors fail
  /// the task: what a sink can't commit is lost.
  virtual Result<void> checkpoint_completed(std::uint64_t /*checkpoint_id*/) { return {}; }
  /// A checkpoint will never be complete; a later one may.
  virtual void checkpoint_aborted(std::uint64_t /*checkpoint_id*/) {}
  virtual void close() {}
};

/// What a source is at run time. Lives on: the slot's thread. The order of calls is an operator's.
class SourceReader {
 public:
  virtual ~SourceReader() = default;
  /// Prepares, and takes up context.restored() if there is any: the positions of its splits.
  virtual Result<void> open(OperatorContext&) { return {}; }
  /// Emits about one block of rows, or says what wakes it. Must not block the thread. `finished` is the end of data;
  /// the last checkpoint may follow.
  virtual Result<Progress> poll(SourceOutput& output) = 0;
  /// Notes one position per split. Splits have a static owner (owner_of_split), so that a job goes on at any
  /// parallelism.
  virtual Result<void> snapshot(SnapshotContext&) { return {}; }
  virtual Result<void> checkpoint_completed(std::uint64_t /*checkpoint_id*/) { return {}; }
  virtual void checkpoint_aborted(std::uint64_t /*checkpoint_id*/) {}
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

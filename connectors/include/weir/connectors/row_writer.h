// What lies between a sink, which gets rows, and a transport, which takes bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "weir/connectors/format.h"
#include "weir/operator.h"
#include "weir/row_codec.h"
#include "weir/snapshot.h"

namespace weir::connectors {

/// Takes records as bytes. Lives on: the slot's thread.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// @param header  what each new stream begins with; empty: nothing
  virtual Result<void> open(OperatorContext& context, std::string header) = 0;
  /// Takes one record, always; what goes wrong with it comes out of ready().
  virtual void write(std::string_view record) = 0;
  /// After a batch, and after finish().
  virtual Result<Progress> ready() = 0;
  /// A time that it asked for with OperatorContext::wake_at has come.
  virtual void on_timer(std::int64_t /*at_ms*/) {}
  /// No more records: make all that was taken safe. Done when ready() returns more or idle.
  virtual void finish() = 0;
  /// A checkpoint begins: makes all that was taken safe, or ready to be handed to snapshot(). Does not block; is asked
  /// again, as ready() is, until it returns more. Nothing is written meanwhile.
  virtual Result<Progress> prepare_snapshot() = 0;
  /// Notes what is needed so that nothing taken before is lost when the checkpoint is restored.
  virtual Result<void> snapshot(SnapshotContext& /*context*/) { return {}; }
  /// The checkpoint is safe, and all before it.
  virtual Result<void> checkpoint_completed(std::uint64_t /*checkpoint_id*/) { return {}; }
  virtual void close() noexcept = 0;
};

/// The writer of a sink of T. Lives on: the slot's thread.
template <class T>
class RowWriter final : public Operator {
 public:
  RowWriter(std::unique_ptr<ByteSink> sink, std::unique_ptr<RecordEncoder> encoder)
      : sink_(std::move(sink)), encoder_(std::move(encoder)) {}

  Result<void> open(OperatorContext& context) override { return sink_->open(context, encoder_->header()); }
  void process(std::uint32_t, Batch& batch, Output&) override {
    batch.for_each_row([&](std::uint32_t row) {
      bytes_.clear();
      encoder_->encode(&RowCodec<T>::read(batch.block(), row, value_), bytes_);
      sink_->write(bytes_);
    });
  }
  void on_timer(std::int64_t at_ms) override { sink_->on_timer(at_ms); }
  void end_of_input(std::uint32_t) override { sink_->finish(); }
  Result<Progress> ready(Output&) override { return sink_->ready(); }
  Result<Progress> prepare_snapshot(std::uint64_t, Output&) override { return sink_->prepare_snapshot(); }
  Result<void> snapshot(SnapshotContext& context) override { return sink_->snapshot(context); }
  Result<void> checkpoint_completed(std::uint64_t checkpoint_id) override {
    return sink_->checkpoint_completed(checkpoint_id);
  }
  void close() noexcept override { sink_->close(); }

 private:
  std::unique_ptr<ByteSink> sink_;
  std::unique_ptr<RecordEncoder> encoder_;
  T value_{};
  std::string bytes_;
};

}  // namespace weir::connectors

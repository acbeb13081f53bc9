// Print and discard.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "weir/connectors/raw_reader.h"
#include "weir/connectors/row_writer.h"
#include "weir/sink.h"

namespace weir::connectors {

/// Lines on the worker's standard output, which its TaskManager keeps; a batch at a time.
/// @param identifier  stands before each line, as Flink writes it: "identifier:1> ", "1> " with more than one subtask,
/// else nothing
std::unique_ptr<ByteSink> make_printer(std::string identifier);

/// Prints each record: text as it is, others as JSON.
template <class T>
class PrintSink final : public Sink<T> {
 public:
  PrintSink() : PrintSink(std::string()) {}
  explicit PrintSink(std::string identifier)
      : identifier_(std::move(identifier)), format_(readable_format(type_of<T>())) {
    require(format_->check(type_of<T>()), "print");
  }
  std::string name() const override { return "Print to Std. Out"; }
  std::unique_ptr<Operator> make_writer() const override {
    return std::make_unique<RowWriter<T>>(make_printer(identifier_), format_->make_encoder(type_of<T>()));
  }

 private:
  std::string identifier_;
  FormatPtr format_;
};

/// Takes everything and does nothing.
template <class T>
class DiscardSink final : public Sink<T> {
 public:
  std::string name() const override { return "Discard"; }
  std::unique_ptr<Operator> make_writer() const override { return std::make_unique<Writer>(); }

 private:
  class Writer final : public Operator {
   public:
    void process(std::uint32_t, Batch&, Output&) override {}
    void on_watermark(EventTime, WatermarkOutput&) override {}
  };
};

}  // namespace weir::connectors

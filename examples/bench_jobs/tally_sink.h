// The end of the throughput jobs: discards its records, but not without having counted and weighed them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "examples/bench_jobs/tally.h"
#include "weir/row_codec.h"
#include "weir/sink.h"

namespace bench_jobs {

/// Adds one line to a file that several subtasks share, with its newline in one write.
/// Errors: std::runtime_error with a sentence.
void append_line(const std::string& path, const std::string& line);

/// Where the result goes, and how thorough it is.
struct TallyOptions {
  std::string file;      ///< absolute; each subtask adds a line "rows sum"; empty: nothing is written
  bool digests = false;  ///< sums of digests instead of weights
};

/// Lives on: as every sink, the object in the plan, the writer on its slot's thread.
template <class T>
class TallySink final : public weir::Sink<T> {
 public:
  explicit TallySink(TallyOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "Tally"; }
  std::unique_ptr<weir::Operator> make_writer() const override { return std::make_unique<Writer>(options_); }

 private:
  class Writer final : public weir::Operator {
   public:
    explicit Writer(TallyOptions options) : options_(std::move(options)) {}
    void process(std::uint32_t, weir::Batch& batch, weir::Output&) override {
      tally_.rows += batch.count();
      tally_.sum += options_.digests ? add(batch, [](const T& row) { return digest(row); })
                                     : add(batch, [](const T& row) { return weigh(row); });
    }
    void end_of_input(std::uint32_t) override {
      if (!options_.file.empty())
        append_line(options_.file, std::to_string(tally_.rows) + " " + std::to_string(tally_.sum));
    }

   private:
    template <class Value>
    std::uint64_t add(const weir::Batch& batch, Value value) {
      std::uint64_t sum = 0;
      batch.for_each_row([&](std::uint32_t row) {
        T record{};
        sum += value(weir::RowCodec<T>::read(batch.block(), row, record));
      });
      return sum;
    }
    const TallyOptions options_;
    Tally tally_;
  };
  TallyOptions options_;
};

}  // namespace bench_jobs

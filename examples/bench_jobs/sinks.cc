#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "examples/bench_jobs/latency_sink.h"
#include "examples/bench_jobs/tally_sink.h"
#include "weir/row_codec.h"

namespace bench_jobs {

namespace {

[[noreturn]] void fail(const std::string& path) {
  throw std::runtime_error("cannot write the result to " + path + ": " + std::system_category().message(errno));
}

class LatencyWriter final : public weir::Operator {
 public:
  explicit LatencyWriter(LatencyOptions options) : options_(std::move(options)) {}

  void process(std::uint32_t, weir::Batch& batch, weir::Output&) override {
    if (skip_until_ns_ == 0) skip_until_ns_ = steady_ns() + options_.skip_ms * 1'000'000;
    tally_.rows += batch.count();
    batch.for_each_row([&](std::uint32_t row) {
      StampedCount scratch;
      const StampedCount& record = weir::RowCodec<StampedCount>::read(batch.block(), row, scratch);
      const std::int64_t now_ns = steady_ns();
      tally_.sum += weigh(record);
      if (now_ns >= skip_until_ns_) times_.add(now_ns - record.made_ns);
    });
  }
  void end_of_input(std::uint32_t) override {
    if (options_.file.empty()) return;
    std::string line;
    for (const std::uint64_t number : {tally_.rows, tally_.sum, times_.count()}) line += std::to_string(number) + " ";
    for (const double quantile : {0.5, 0.99, 0.999}) line += std::to_string(times_.at(quantile)) + " ";
    append_line(options_.file, line + std::to_string(times_.max_ns()));
  }

 private:
  const LatencyOptions options_;
  std::int64_t skip_until_ns_ = 0;
  Tally tally_;
  LatencyHistogram times_;
};

}  // namespace

void append_line(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) fail(path);
  const std::string bytes = line + "\n";
  const ssize_t written = ::write(file, bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size())) {
    if (written >= 0) errno = ENOSPC;
    const int error = errno;
    ::close(file);
    errno = error;
    fail(path);
  }
  ::close(file);
}

std::unique_ptr<weir::Operator> LatencySink::make_writer() const { return std::make_unique<LatencyWriter>(options_); }

}  // namespace bench_jobs

#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "weir/connectors/console.h"

namespace weir::connectors {
namespace {

/// Lives on: the slot's thread. Other slots of the process write to the same pipe: pieces of whole lines that a pipe
/// takes at once keep lines whole.
class Printer final : public ByteSink {
 public:
  explicit Printer(std::string identifier) : identifier_(std::move(identifier)) {}

  Result<void> open(OperatorContext& context, std::string) override {
    context_ = &context;
    const bool numbered = context.parallelism() > 1;
    prefix_ = identifier_;
    if (numbered) prefix_ += fmt::format("{}{}", identifier_.empty() ? "" : ":", context.subtask_index() + 1);
    if (!prefix_.empty()) prefix_ += "> ";
    return {};
  }

  void write(std::string_view record) override {
    pending_ += prefix_;
    pending_ += record;
    pending_ += '\n';
  }

  /// Never blocks: a pipe that is ready takes PIPE_BUF bytes.
  Result<Progress> ready() override {
    while (written_ < pending_.size()) {
      pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      const int answer = ::poll(&out, 1, 0);
      if (answer == 0) return Progress::blocked_until(context_->now_ms() + kRetryMs);
      if (answer < 0 && errno == EINTR) continue;
      Result<void> piece = write_piece();
      if (!piece.ok()) return std::move(piece).error();
    }
    pending_.clear();
    written_ = 0;
    return Progress::more();
  }

  void finish() override {}
  Result<Progress> prepare_snapshot() override { return ready(); }
  void close() noexcept override {}

 private:
  static constexpr std::int64_t kRetryMs = 2;

  Result<void> write_piece() {
    std::size_t size = std::min<std::size_t>(pending_.size() - written_, PIPE_BUF);
    const std::size_t line = std::string_view(pending_).substr(written_, size).rfind('\n');
    if (line != std::string_view::npos) size = line + 1;
    const ssize_t count = ::write(STDOUT_FILENO, pending_.data() + written_, size);
    if (count < 0 && errno != EINTR && errno != EAGAIN)
      return Error::external(ErrorCode::io, fmt::format("cannot write to standard output: {}", std::strerror(errno)));
    written_ += count > 0 ? static_cast<std::size_t>(count) : 0;
    return {};
  }

  std::string identifier_;
  std::string prefix_;
  OperatorContext* context_ = nullptr;
  std::string pending_;
  std::size_t written_ = 0;
};

}  // namespace

std::unique_ptr<ByteSink> make_printer(std::string identifier) {
  return std::make_unique<Printer>(std::move(identifier));
}

}  // namespace weir::connectors

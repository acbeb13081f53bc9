#include "cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weir::cli {

namespace {

constexpr std::size_t kBarColumns = 30;
constexpr std::chrono::milliseconds kProgressPause{100};

bool write_line(std::FILE* file, std::string_view line) {
  bool written = std::fwrite(line.data(), 1, line.size(), file) == line.size() && std::fputc('\n', file) != EOF;
  return std::fflush(file) == 0 && written;
}

}  // namespace

std::string progress_line(std::string_view name, std::uint64_t sent, std::uint64_t total) {
  double share = total > 0 ? static_cast<double>(sent) / static_cast<double>(total) : 1;
  std::size_t filled = static_cast<std::size_t>(share * kBarColumns);
  return fmt::format("Uploading {} {:3.0f}% [{}{}] {:.1f} of {:.1f} MB", name, share * 100, std::string(filled, '='),
                     std::string(kBarColumns - filled, ' '), static_cast<double>(sent) / 1e6,
                     static_cast<double>(total) / 1e6);
}

Console::Console(std::FILE* out, std::FILE* err)
    : out_(out), err_(err), err_is_terminal_(::isatty(::fileno(err)) == 1) {}

void Console::print(std::string_view line) {
  if (!write_line(out_, line) && lost_.empty()) lost_ = std::strerror(errno);
}
// Where standard error cannot be written there is nobody left to tell.
void Console::complain(std::string_view sentence) { (void)write_line(err_, fmt::format("weir: {}", sentence)); }
void Console::note(std::string_view line) { (void)write_line(err_, line); }

void Console::show_progress(std::string_view name, std::uint64_t sent, std::uint64_t total) {
  if (!err_is_terminal_) return;
  auto now = std::chrono::steady_clock::now();
  if (sent < total && now < next_progress_) return;
  next_progress_ = now + kProgressPause;
  std::string line = progress_line(name, sent, total);
  fmt::print(err_, "\r{}{}", line, sent < total ? "" : "\n");
  std::fflush(err_);
}

}  // namespace weir::cli

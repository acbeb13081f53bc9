#include "taskmanager/jobs/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/base/try.h"
#include "common/observe/log.h"

namespace weir::taskmanager {
namespace {

Error file_error(const std::string& path) {
  return Error::external(ErrorCode::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

}  // namespace

OutputFile::OutputFile(asio::any_io_executor executor, BlockingPool& pool, std::string path, std::uint64_t bytes_max)
    : pool_(pool), path_(std::move(path)), half_(bytes_max / 2), idle_(std::move(executor)) {
  idle_.set();
}

Async<void> OutputFile::write(std::string_view bytes) {
  while (writing_) co_await idle_.wait();
  // Cancelling cannot come between here and the end: run_blocking waits for its thread, and nothing else suspends.
  writing_ = true;
  idle_.reset();
  auto work = [this, bytes] { return append(bytes); };
  const Result<void> result = co_await run_blocking(pool_, std::move(work));
  writing_ = false;
  idle_.set();
  if (!result.ok() && !failing_) LOG_WARN("{}: output of user code is lost from here on", result.error().message);
  if (result.ok() && failing_) LOG_INFO("{}: output of user code is kept again", path_);
  failing_ = !result.ok();
}

Result<void> OutputFile::append(std::string_view bytes) {
  if (!file_.valid()) TRY_VOID(open());
  if (size_ > 0 && size_ + bytes.size() > half_) {
    if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return file_error(path_);
    TRY_VOID(open());
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return file_error(path_);
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> OutputFile::open() {
  file_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_.valid()) return file_error(path_);
  struct stat status {};
  size_ = ::fstat(file_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  return {};
}

void remove_old_outputs(const std::string& prefix, std::size_t kept) {
  namespace fs = std::filesystem;
  const fs::path whole(prefix);
  const std::string begin = whole.filename().string() + "-";
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code error;
  fs::directory_iterator entry(whole.parent_path(), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code gone;  // another worker's start may remove it at this moment
    if (!name.starts_with(begin) || !name.ends_with(".out") || !entry->is_regular_file(gone)) continue;
    const auto written = entry->last_write_time(gone);
    if (!gone) files.emplace_back(written, entry->path());
  }
  if (files.size() <= kept) return;
  std::ranges::sort(files, std::ranges::greater());
  for (auto file = files.begin() + static_cast<std::ptrdiff_t>(kept); file != files.end(); ++file) {
    fs::remove(file->second, error);
    fs::remove(file->second.string() + ".1", error);
  }
}

}  // namespace weir::taskmanager

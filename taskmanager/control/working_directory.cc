#include "taskmanager/control/working_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace weir::taskmanager {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "weir-taskmanager-";

UniqueFd lock_of(const fs::path& directory, int flags) {
  UniqueFd lock(::open((directory / ".lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (lock.valid() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.reset(-1);
  return lock;
}

// What killed processes left. A directory without a lock file is being made at this moment, or not ours.
void clear_abandoned(const std::string& parent) {
  std::error_code error;
  fs::directory_iterator entry(parent, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;  // another process may clear the same at this moment
    if (!entry->path().filename().string().starts_with(kPrefix) || !fs::is_directory(entry->symlink_status(ignored)))
      continue;
    if (const UniqueFd lock = lock_of(entry->path(), 0); lock.valid()) fs::remove_all(entry->path(), ignored);
  }
}

Error no_directory(const std::string& path, int error) {
  return Error::external(ErrorCode::io,
                         fmt::format("cannot make the directory {} (io.tmp.dirs): {}", path, std::strerror(error)));
}

}  // namespace

Result<WorkingDirectory> WorkingDirectory::make(const std::string& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) return no_directory(parent, error.value());
  clear_abandoned(parent);
  WorkingDirectory directory;
  std::string pattern = parent + "/" + std::string(kPrefix) + "XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return no_directory(pattern, errno);
  directory.path_ = pattern;
  directory.lock_ = lock_of(pattern, O_CREAT);
  if (!directory.lock_.valid()) return no_directory(pattern + "/.lock", errno);
  return directory;
}

WorkingDirectory::WorkingDirectory(WorkingDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

WorkingDirectory& WorkingDirectory::operator=(WorkingDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

WorkingDirectory::~WorkingDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace weir::taskmanager

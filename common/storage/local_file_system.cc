#include "common/storage/local_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "common/base/try.h"
#include "common/base/unique_fd.h"

namespace weir {
namespace {

constexpr std::size_t kNamesMax = 1'000'000;

Error failed(std::string_view doing, const std::string& path, int number) {
  ErrorCode code = ErrorCode::io;
  if (number == ENOENT) code = ErrorCode::not_found;
  if (number == EEXIST) code = ErrorCode::already_exists;
  if (number == EACCES || number == EPERM || number == EROFS) code = ErrorCode::permission_denied;
  return Error::external(code, fmt::format("cannot {} {}: {}", doing, path, std::strerror(number)));
}

class LocalReadableFile : public ReadableFile {
 public:
  LocalReadableFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      ssize_t count = ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("read", path_, errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Result<Identity> identity() override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return failed("look at", path_, errno);
    return Identity{status.st_dev, status.st_ino};
  }

  Result<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return failed("look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  const UniqueFd fd_;
  const std::string path_;
};

class LocalWritableFile : public WritableFile {
 public:
  LocalWritableFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  Result<void> sync() override {
    // fsync once, EINTR apart: after another error the kernel has dropped the pages and a second call would succeed.
    while (::fsync(fd_.get()) != 0) {
      if (errno != EINTR) return failed("sync", path_, errno);
    }
    return {};
  }

  Result<void> close() override {
    // Linux frees the descriptor whatever close answers, so EINTR is no reason to call it again.
    if (::close(fd_.release()) != 0 && errno != EINTR) return failed("close", path_, errno);
    return {};
  }

 private:
  UniqueFd fd_;
  const std::string path_;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::unique_ptr<ReadableFile>> LocalFileSystem::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return failed("open", path, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed("look at", path, errno);
  if (S_ISDIR(status.st_mode)) return failed("open", path, EISDIR);
  if (!S_ISREG(status.st_mode))
    return Error::external(ErrorCode::io, fmt::format("cannot open {}: it is no regular file", path));
  return std::unique_ptr<ReadableFile>(std::make_unique<LocalReadableFile>(std::move(fd), path));
}

Result<std::unique_ptr<WritableFile>> LocalFileSystem::create(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!fd) return failed("create", path, errno);
  return std::unique_ptr<WritableFile>(std::make_unique<LocalWritableFile>(std::move(fd), path));
}

Result<void> LocalFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename " + from + " to", to, errno);
  return {};
}

Result<std::vector<std::string>> LocalFileSystem::list(const std::string& directory) {
  std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (!open) return failed("list", directory, errno);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr && errno != 0) return failed("list", directory, errno);
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == kNamesMax) {
      return Error::external(ErrorCode::resource_exhausted,
                             fmt::format("cannot list {}: it has more than {} files", directory, kNamesMax));
    }
    names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Result<void> LocalFileSystem::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return failed("remove", path, errno);
  return {};
}

Result<void> LocalFileSystem::make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return failed("make the directory", path, error.value());
  if (!std::filesystem::is_directory(path, error)) return failed("make the directory", path, ENOTDIR);
  return {};
}

Result<void> LocalFileSystem::sync_directory(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failed("open", directory, errno);
  // Some network file systems have nothing to sync here and say so.
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS) return failed("sync", directory, errno);
  return {};
}

}  // namespace weir

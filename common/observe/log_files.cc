#include "common/observe/log_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "common/base/text.h"
#include "common/base/try.h"

namespace weir::log {
namespace {

constexpr int kProcessesMax = 1000;  // of one service on one directory

Error io_error(std::string_view doing, const std::string& path, int error) {
  return Error::external(ErrorCode::io, fmt::format("cannot {} {}: {}", doing, path, std::strerror(error)));
}

std::string user_name() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> room;
  if (::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    return entry.pw_name;
  return std::to_string(::geteuid());  // a container often runs a number without a name
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<FilesPrefix> claim_files(const std::string& directory, std::string_view service,
                                const std::optional<std::string>& given) {
  namespace fs = std::filesystem;
  const fs::path whole = given ? fs::path(*given) : fs::path(directory) / "x";
  std::error_code error;
  fs::create_directories(whole.parent_path(), error);
  if (error) return io_error("make the log directory", whole.parent_path().string(), error.value());
  if (given)
    return FilesPrefix{
        .directory = whole.parent_path().string(), .stem = whole.filename().string(), .claim = UniqueFd()};
  for (int number = 0; number < kProcessesMax; ++number) {
    const std::string stem = fmt::format("weir-{}-{}-{}-{}", user_name(), service, number, host_name());
    const std::string path = fmt::format("{}/.{}.lock", directory, stem);
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!lock.valid()) return io_error("write into the log directory:", path, errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      return FilesPrefix{.directory = directory, .stem = stem, .claim = std::move(lock)};
    }
  }
  return Error::external(ErrorCode::resource_exhausted,
                         fmt::format("{} processes log into {} already", kProcessesMax, directory));
}

Result<std::vector<FileEntry>> list_files(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> handle(::opendir(directory.c_str()));
  if (!handle) return io_error("list", directory, errno);
  std::vector<FileEntry> files;
  while (const dirent* entry = ::readdir(handle.get())) {
    struct stat status {};
    if (!is_plain(entry->d_name)) continue;
    if (::fstatat(::dirfd(handle.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
      continue;
    files.push_back({.name = entry->d_name,
                     .bytes = static_cast<std::uint64_t>(status.st_size),
                     .modified_ms = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000});
  }
  if (files.size() > kFilesListedMax) {
    std::ranges::sort(files, std::ranges::greater(), &FileEntry::modified_ms);
    files.resize(kFilesListedMax);
  }
  std::ranges::sort(files, {}, &FileEntry::name);
  return files;
}

Result<FilePiece> read_file(const std::string& directory, const std::string& name, std::uint64_t offset,
                            std::uint32_t bytes_max) {
  const auto missing = [&] {
    return Error::user(ErrorCode::not_found, fmt::format("no such log file: {}", printable(name, 200)));
  };
  if (!is_plain(name)) return missing();
  const UniqueFd folder(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return io_error("open", directory, errno);
  // NONBLOCK: a pipe by that name must not hold us up before we see that it is one.
  const UniqueFd file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() && (errno == ENOENT || errno == ELOOP || errno == ENAMETOOLONG || errno == ENXIO)) return missing();
  if (!file.valid()) return io_error("open", directory + "/" + name, errno);
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return missing();
  FilePiece piece{.content = {}, .file_bytes = static_cast<std::uint64_t>(status.st_size)};
  if (offset >= piece.file_bytes) return piece;
  const std::uint64_t wanted = std::min<std::uint64_t>({bytes_max, kReadBytesMax, piece.file_bytes - offset});
  piece.content.resize(wanted);
  const ssize_t got = ::pread(file.get(), piece.content.data(), wanted, static_cast<off_t>(offset));
  if (got < 0) return io_error("read", directory + "/" + name, errno);
  piece.content.resize(static_cast<std::size_t>(got));
  return piece;
}

}  // namespace weir::log

#include "connectors/files/listed_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include "common/base/try.h"
#include "weir/key_group.h"

namespace weir::connectors {
namespace {

Result<FileHead> read_head(ReadableFile& file, std::uint32_t bytes) {
  std::array<char, ListedFile::kHeadBytes> head;
  TRY(const std::size_t got, file.read_at(0, std::span<char>(head).first(bytes)));
  return FileHead{static_cast<std::uint32_t>(got), hash_bytes(std::string_view(head.data(), got))};
}

}  // namespace

ListedFile::ListedFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  looked_at_ = ::stat(path_.c_str(), &status) == 0;
  missing_ = !looked_at_ && errno == ENOENT;
  if (!looked_at_) return;
  identity_ = {status.st_dev, status.st_ino};
  size_ = static_cast<std::uint64_t>(status.st_size);
}

Result<std::shared_ptr<ReadableFile>> ListedFile::open(FileSystem& files) {
  if (file_) {
    TRY_VOID(check());
    return file_;
  }
  TRY(std::shared_ptr<ReadableFile> file, files.open(path_));
  TRY(const ReadableFile::Identity identity, file->identity());
  if (looked_at_ && !(identity == identity_))
    return Error::external(ErrorCode::failed_precondition,
                           fmt::format("{} was replaced by another file before this one was read to its end: "
                                       "let the job read a name that is not used again, or replace it afterwards",
                                       path_));
  TRY_VOID(check(*file));
  if (!head_) {
    TRY(head_, read_head(*file, static_cast<std::uint32_t>(std::min<std::uint64_t>(size_, kHeadBytes))));
  }
  file_ = std::move(file);
  return file_;
}

Result<void> ListedFile::check() const { return file_ ? check(*file_) : Result<void>(); }

Result<void> ListedFile::check(ReadableFile& file) const {
  TRY(const std::uint64_t size, file.size());
  if (looked_at_ && size < size_)
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} had {} bytes and has {} now: it was cut back while it was read; rotate it by renaming it",
                    path_, size_, size));
  if (!head_) return {};
  TRY(const FileHead head, read_head(file, head_->bytes));
  if (head.bytes < head_->bytes)
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{} has {} bytes, but more were read before: it was cut back or replaced", path_, size));
  if (head.bytes == head_->bytes && head.hash == head_->hash) return {};
  return Error::external(
      ErrorCode::failed_precondition,
      fmt::format("{} begins with something else than when it was read: it was written anew or replaced; "
                  "rotate it by renaming it",
                  path_));
}

}  // namespace weir::connectors

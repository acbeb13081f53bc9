#include "common/storage/durable_file.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "common/base/hex.h"
#include "common/base/ids.h"
#include "common/base/try.h"

namespace weir {
namespace {

constexpr std::string_view kMark = ".inprogress.";
constexpr std::size_t kRandomDigits = 32;

std::string directory_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string random_digits() {
  std::array<unsigned char, 16> bytes{};
  detail::fill_random(bytes);
  return to_hex(bytes);
}

}  // namespace

Result<DurableFile> DurableFile::create(FileSystem& files, std::string path) {
  const std::size_t name = path.rfind('/') + 1;  // 0 without a slash
  std::string temporary = path.substr(0, name) + "." + path.substr(name) + std::string(kMark) + random_digits();
  TRY(std::unique_ptr<WritableFile> file, files.create(temporary));
  return DurableFile(files, std::move(path), std::move(temporary), std::move(file));
}

DurableFile::DurableFile(FileSystem& files, std::string path, std::string temporary, std::unique_ptr<WritableFile> file)
    : files_(&files), path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, std::string())),
      file_(std::move(other.file_)),
      size_(other.size_),
      broken_(other.broken_),
      sealed_(other.sealed_),
      kept_(other.kept_) {}

DurableFile::~DurableFile() {
  file_.reset();
  if (!temporary_.empty() && !kept_)
    (void)files_->remove(temporary_);  // best effort: remove_unfinished finds what stays
}

Result<void> DurableFile::append(std::string_view bytes) {
  if (broken_ || !file_) return Error::internal("append to a file that is closed or broken: " + path_);
  Result<void> written = file_->append(bytes);
  broken_ = !written.ok();
  size_ += bytes.size();
  return written;
}

Result<void> DurableFile::seal() {
  if (sealed_) return {};
  if (broken_ || !file_) return Error::internal("seal a file that is closed or broken: " + path_);
  broken_ = true;  // whatever fails below, there is no second try
  TRY_VOID(file_->sync());
  TRY_VOID(file_->close());
  file_.reset();
  sealed_ = true;
  return {};
}

Result<void> DurableFile::publish() {
  TRY_VOID(seal());
  if (temporary_.empty()) return Error::internal("publish a file twice: " + path_);
  TRY_VOID(files_->rename(temporary_, path_));
  temporary_.clear();
  return files_->sync_directory(directory_of(path_));
}

Result<void> publish_sealed(FileSystem& files, const std::string& hidden_path, const std::string& path) {
  Result<void> moved = files.rename(hidden_path, path);
  if (!moved.ok()) {
    if (moved.error().code != ErrorCode::not_found) return moved;
    TRY([[maybe_unused]] const std::unique_ptr<ReadableFile> published, files.open(path));
  }
  return files.sync_directory(directory_of(path));
}

Result<void> write_durably(FileSystem& files, const std::string& path, std::string_view bytes) {
  TRY(DurableFile file, DurableFile::create(files, path));
  TRY_VOID(file.append(bytes));
  return file.publish();
}

Result<std::string> read_whole(FileSystem& files, const std::string& path, std::uint64_t bytes_max) {
  TRY(std::unique_ptr<ReadableFile> file, files.open(path));
  TRY(std::uint64_t size, file->size());
  if (size > bytes_max) {
    return Error::external(ErrorCode::resource_exhausted,
                           fmt::format("{} has {} bytes, more than {}", path, size, bytes_max));
  }
  std::string bytes(size, '\0');
  TRY(std::size_t count, file->read_at(0, bytes));
  bytes.resize(count);
  return bytes;
}

bool is_unfinished(std::string_view name) {
  if (name.size() <= kMark.size() + kRandomDigits) return false;
  std::string_view digits = name.substr(name.size() - kRandomDigits);
  std::array<unsigned char, kRandomDigits / 2> bytes{};
  return name.substr(0, name.size() - kRandomDigits).ends_with(kMark) && from_hex(digits, bytes);
}

Result<std::size_t> remove_unfinished(FileSystem& files, const std::string& directory) {
  TRY(std::vector<std::string> names, files.list(directory));
  std::size_t removed = 0;
  for (const std::string& name : names) {
    if (!is_unfinished(name)) continue;
    TRY_VOID(files.remove(directory + "/" + name));
    ++removed;
  }
  return removed;
}

}  // namespace weir

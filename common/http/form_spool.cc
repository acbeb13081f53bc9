#include "common/http/form_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "common/base/try.h"

namespace weir::http {

namespace {

constexpr std::size_t kWriteBytes = 256 * 1024;  // at once: on a network file system each write is a round trip
constexpr std::uint64_t kFormValueBytesMax = 1024 * 1024;  // all values of one form

Error spool_error(std::string_view what, const std::string& directory) {
  return Error::external(
      ErrorCode::io, fmt::format("cannot {} in the upload directory {}: {}", what, directory, std::strerror(errno)));
}

}  // namespace

FormSpool::FormSpool(std::string directory) : directory_(std::move(directory)) {}

Result<void> FormSpool::begin_part(const PartHead& head) {
  FormPart part;
  part.name = head.name;
  part.file_name = head.file_name;
  part.content_type = head.content_type;
  if (head.is_file) {
    std::string path = directory_ + "/upload-XXXXXX";
    file_.reset(::mkostemp(path.data(), O_CLOEXEC));
    if (!file_ && errno == ENOENT) {  // somebody cleaned up under us
      std::error_code problem;
      std::filesystem::create_directories(directory_, problem);
      path = directory_ + "/upload-XXXXXX";
      file_.reset(::mkostemp(path.data(), O_CLOEXEC));
    }
    if (!file_) return spool_error("create a file", directory_);
    part.file.emplace(std::move(path));
  }
  parts_.push_back(std::move(part));
  return {};
}

Result<void> FormSpool::part_data(std::string_view bytes) {
  FormPart& part = parts_.back();
  part.bytes += bytes.size();
  if (!part.file) {
    value_bytes_ += bytes.size();
    if (value_bytes_ > kFormValueBytesMax) {
      return Error::user(ErrorCode::invalid_argument,
                         fmt::format("the values of a form are longer than {} bytes: send long content as a file",
                                     kFormValueBytesMax));
    }
    part.value.append(bytes);
    return {};
  }
  unwritten_.append(bytes);
  return unwritten_.size() < kWriteBytes ? Result<void>() : write_out();
}

Result<void> FormSpool::write_out() {
  std::string_view bytes = unwritten_;
  while (!bytes.empty()) {
    ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return spool_error("write an upload", directory_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  unwritten_.clear();
  return {};
}

Result<void> FormSpool::end_part() {
  if (!file_) return {};
  TRY_VOID(write_out());
  if (::close(file_.release()) != 0) return spool_error("finish an upload", directory_);
  return {};
}

}  // namespace weir::http

#include "connectors/files/input_file.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/try.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kCompressedChunkBytes = 128 * 1024;
constexpr std::size_t kSkipBytes = 64 * 1024;

class PlainInput final : public InputFile {
 public:
  explicit PlainInput(std::shared_ptr<ReadableFile> file) : file_(std::move(file)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    return file_->read_at(offset, into);
  }
  Result<std::optional<std::uint64_t>> size() override {
    TRY(const std::uint64_t bytes, file_->size());
    return std::optional<std::uint64_t>(bytes);
  }

 private:
  std::shared_ptr<ReadableFile> file_;
};

/// What compressed files have in common: they are read from the front, and may be cut off.
class CompressedInput : public InputFile {
 public:
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) final {
    if (offset < position_) {
      TRY_VOID(restart());
      compressed_at_ = position_ = 0;
      input_ = {};
      damage_.clear();
    }
    while (position_ < offset) {
      std::array<char, kSkipBytes> skipped;
      TRY(const std::size_t count,
          read(std::span<char>(skipped).first(std::min<std::uint64_t>(skipped.size(), offset - position_))));
      if (count == 0) return std::size_t{0};
    }
    return read(into);
  }
  Result<std::optional<std::uint64_t>> size() final { return std::optional<std::uint64_t>(); }

 protected:
  explicit CompressedInput(std::shared_ptr<ReadableFile> file) : file_(std::move(file)) {}

  /// Takes from input_ and fills `into` from its front until one of them is used up. Once something is wrong it sets
  /// damage_ and answers what came before.
  /// @return  bytes filled
  virtual std::size_t decode(std::span<char> into) = 0;
  /// Whether the file may end where the input is used up.
  virtual bool may_end() const = 0;
  /// Forgets everything. Errors: no memory.
  virtual Result<void> restart() = 0;

  /// Where in the compressed file the next byte of input_ lies.
  std::uint64_t compressed_at() const { return compressed_at_ - input_.size(); }

  std::string_view input_;  // read, not yet decoded
  std::string damage_;      // a sentence about it, without its subject

 private:
  Result<std::size_t> read(std::span<char> into) {
    std::size_t filled = 0;
    while (filled < into.size()) {
      if (!damage_.empty()) {
        if (filled > 0) break;
        return Error::external(ErrorCode::corrupt, "the file " + damage_);
      }
      // A decoder may hold back decoded bytes when its input is used up.
      const std::size_t count = decode(into.subspan(filled));
      filled += count;
      position_ += count;
      if (count > 0 || !input_.empty() || !damage_.empty()) continue;
      TRY(const std::size_t got, file_->read_at(compressed_at_, std::span<char>(chunk_)));
      compressed_at_ += got;
      input_ = std::string_view(chunk_.data(), got);
      if (got > 0) continue;
      if (may_end()) break;
      damage_ = fmt::format(
          "ends in the middle of its compressed data, after {} bytes: it was cut off, or is still being written",
          compressed_at_);
    }
    return filled;
  }

  std::shared_ptr<ReadableFile> file_;
  std::uint64_t compressed_at_ = 0;  // bytes read from the file
  std::uint64_t position_ = 0;       // bytes answered
  std::string chunk_ = std::string(kCompressedChunkBytes, '\0');
};

/// One or more gzip members, and zeros that fill up a tape's block behind them.
class GzipInput final : public CompressedInput {
 public:
  explicit GzipInput(std::shared_ptr<ReadableFile> file) : CompressedInput(std::move(file)) {}
  ~GzipInput() override { ::inflateEnd(&stream_); }

  /// Before the first use.
  Result<void> restart() override {
    ::inflateEnd(&stream_);
    stream_ = {};
    inside_ = false;
    members_ = 0;
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, kGzipOnly) != Z_OK)
      return Error::external(ErrorCode::resource_exhausted, "no memory to decompress a gzip file");
    return {};
  }

 private:
  std::size_t decode(std::span<char> into) override {
    if (!inside_) {
      if (members_ > 0) input_.remove_prefix(std::min(input_.find_first_not_of('\0'), input_.size()));
      if (input_.empty()) return 0;
      inside_ = true;
      member_at_ = compressed_at();
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_.data()));
    stream_.avail_in = static_cast<uInt>(input_.size());
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    const int answer = ::inflate(&stream_, Z_NO_FLUSH);
    const std::size_t filled = into.size() - stream_.avail_out;
    input_.remove_prefix(input_.size() - stream_.avail_in);
    if (answer == Z_STREAM_END) {
      inside_ = false;
      ++members_;
      ::inflateReset(&stream_);
    } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
      damage_ = describe(answer);
    }
    return filled;
  }

  bool may_end() const override { return !inside_; }

  std::string describe(int answer) const {
    if (answer == Z_MEM_ERROR) return "cannot be decompressed: no memory";
    const std::string_view what = stream_.msg != nullptr ? stream_.msg : "unknown";
    if (what == "incorrect header check")
      return members_ == 0 ? "is no gzip file, in spite of its name"
                           : fmt::format("goes on at byte {} with something that is not gzip", member_at_);
    return fmt::format("is damaged before byte {} of its gzip data: {}", compressed_at(), what);
  }

  z_stream stream_{};
  bool inside_ = false;  // a member has begun and not ended
  std::uint64_t members_ = 0;
  std::uint64_t member_at_ = 0;  // where the last one began
};

/// One or more zstd frames.
class ZstdInput final : public CompressedInput {
 public:
  explicit ZstdInput(std::shared_ptr<ReadableFile> file) : CompressedInput(std::move(file)) {}
  ~ZstdInput() override { ::ZSTD_freeDStream(stream_); }

  /// Before the first use.
  Result<void> restart() override {
    if (stream_ == nullptr) stream_ = ::ZSTD_createDStream();
    if (stream_ == nullptr)
      return Error::external(ErrorCode::resource_exhausted, "no memory to decompress a zstd file");
    ::ZSTD_initDStream(stream_);
    inside_ = begun_ = false;
    return {};
  }

 private:
  std::size_t decode(std::span<char> into) override {
    if (!inside_ && input_.empty()) return 0;
    ZSTD_inBuffer in{input_.data(), input_.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const std::size_t answer = ::ZSTD_decompressStream(stream_, &out, &in);
    input_.remove_prefix(in.pos);
    if (::ZSTD_isError(answer)) {
      const std::string_view what = ::ZSTD_getErrorName(answer);
      damage_ = !begun_ && what == "Unknown frame descriptor"
                    ? "is no zstd file, in spite of its name"
                    : fmt::format("is damaged before byte {} of its zstd data: {}", compressed_at(), what);
      return out.pos;
    }
    inside_ = answer != 0;
    begun_ = true;
    return out.pos;
  }

  bool may_end() const override { return !inside_; }

  ZSTD_DStream* stream_ = nullptr;
  bool inside_ = false;  // a frame has begun and not ended, or not all of it is answered
  bool begun_ = false;
};

}  // namespace

Result<Compression> compression_of(std::string_view path) {
  if (path.ends_with(".gz") || path.ends_with(".gzip")) return Compression::gzip;
  if (path.ends_with(".zst") || path.ends_with(".zstd")) return Compression::zstd;
  for (const std::string_view end : {".bz2", ".xz", ".lz4", ".zip", ".deflate"}) {
    if (path.ends_with(end))
      return Error::user(
          ErrorCode::invalid_argument,
          fmt::format("{} is compressed in a form that is not read: {}; give it as .gz, .zst or plain", path, end));
  }
  return Compression::none;
}

Result<std::unique_ptr<InputFile>> make_input_file(std::shared_ptr<ReadableFile> file, std::string_view path) {
  TRY(const Compression compression, compression_of(path));
  if (compression == Compression::none)
    return std::unique_ptr<InputFile>(std::make_unique<PlainInput>(std::move(file)));
  if (compression == Compression::gzip) {
    auto input = std::make_unique<GzipInput>(std::move(file));
    TRY_VOID(input->restart());
    return std::unique_ptr<InputFile>(std::move(input));
  }
  auto input = std::make_unique<ZstdInput>(std::move(file));
  TRY_VOID(input->restart());
  return std::unique_ptr<InputFile>(std::move(input));
}

}  // namespace weir::connectors

// The name of an artefact: the SHA-256 of its content.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/storage/file_system.h"
#include "weir/result.h"

namespace weir {

/// 32 bytes, written as 64 lower-case hexadecimal digits. Any thread (a value). A default constructed one is "none".
class BlobKey {
 public:
  using Bytes = std::array<unsigned char, 32>;

  BlobKey() = default;
  explicit BlobKey(const Bytes& bytes) : bytes_(bytes) {}
  /// Errors: invalid_argument (user) unless `text` is 64 hexadecimal digits.
  static Result<BlobKey> from_hex(std::string_view text);

  std::string to_hex() const;
  const Bytes& bytes() const noexcept { return bytes_; }
  bool is_none() const noexcept { return bytes_ == Bytes{}; }
  friend auto operator<=>(const BlobKey&, const BlobKey&) = default;

 private:
  Bytes bytes_{};
};

/// Computes a key piece by piece. One thread at a time.
class BlobHasher {
 public:
  BlobHasher();
  ~BlobHasher();
  BlobHasher(BlobHasher&&) noexcept;
  BlobHasher& operator=(BlobHasher&&) noexcept;

  void update(std::string_view bytes);
  /// The key of everything so far. Once; afterwards the hasher begins anew.
  BlobKey finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The key of bytes in memory.
BlobKey blob_key_of(std::string_view bytes);

struct BlobContent {
  BlobKey key;
  std::uint64_t bytes = 0;
};
/// The key and the size of a file, read once in pieces of 256 KiB. Blocks. Errors: those of FileSystem::open and
/// read_at.
Result<BlobContent> blob_key_of_file(FileSystem& files, const std::string& path);

}  // namespace weir

template <>
struct std::hash<weir::BlobKey> {
  std::size_t operator()(const weir::BlobKey& key) const noexcept {
    std::size_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | key.bytes()[i];
    return value;
  }
};

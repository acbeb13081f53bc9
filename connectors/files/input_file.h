// The bytes of an input file as its records lie in them: as they are, or decompressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/storage/file_system.h"
#include "weir/result.h"

namespace weir::connectors {

enum class Compression : std::uint8_t { none, gzip, zstd };

/// What the end of a file's name says: .gz and .gzip, .zst and .zstd, anything else is read as it is.
/// Lives on: any thread. Errors: a compression that is not read, by its name.
Result<Compression> compression_of(std::string_view path);

/// Lives on: the slot's thread. Opened by a split's reader, and ends with it.
class InputFile {
 public:
  virtual ~InputFile() = default;
  /// Reads up to into.size() bytes from `offset`, fewer at any time, 0 only at the end. Of a compressed file offsets
  /// count in what it holds; going back means to begin anew. Errors: io; corrupt for compressed data that is damaged,
  /// when everything before the damage has been answered.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) = 0;
  /// Bytes in it now; nothing when only reading can tell. Errors: io.
  virtual Result<std::optional<std::uint64_t>> size() = 0;
};

/// @param path  only its end counts
/// Errors: those of compression_of; no memory.
Result<std::unique_ptr<InputFile>> make_input_file(std::shared_ptr<ReadableFile> file, std::string_view path);

}  // namespace weir::connectors

#include "common/storage/bundle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "common/base/text.h"
#include "common/base/try.h"
#include "common/base/unique_fd.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTarBlock = 512;
constexpr std::size_t kNameBytesMax = 4096;
constexpr std::uint64_t kManifestBytesMax = 64 * 1024;

Error refused(const std::string& why) {
  return Error::user(ErrorCode::corrupt, "the bundle cannot be unpacked: " + why);
}
Error disk(const std::string& doing) {
  return Error::external(ErrorCode::io, fmt::format("cannot {}: {}", doing, std::strerror(errno)));
}

// One header block, POSIX ustar as GNU tar writes it.
struct Header {
  std::array<char, kTarBlock> bytes{};

  std::string_view field(std::size_t at, std::size_t size) const {
    const std::string_view whole(bytes.data() + at, size);
    return whole.substr(0, whole.find('\0'));
  }
  char kind() const { return bytes[156]; }
  std::string name() const {
    const bool has_prefix = field(257, 5) == "ustar" && bytes[262] == '\0' && bytes[345] != '\0';
    return (has_prefix ? std::string(field(345, 155)) + "/" : std::string()) + std::string(field(0, 100));
  }
  bool is_end() const {
    return std::ranges::all_of(bytes, [](char c) { return c == 0; });
  }
};

// An octal number, padded by blanks or zeros; nothing when it is none.
std::optional<std::uint64_t> octal(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first);
  text = text.substr(0, text.find(' '));
  if (text.empty() || text.size() > 12) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool has_right_sum(const Header& header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kTarBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header.bytes[i]);
  return octal(header.field(148, 8)) == sum;
}

// A name that stays inside: no root, no "..", no empty or hidden trick. A "./" in front and a "/" behind are usual.
std::optional<std::string> safe_name(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  while (name.ends_with('/')) name.remove_suffix(1);
  if (name.empty() || name == ".") return std::string(".");
  if (name.size() > kNameBytesMax) return std::nullopt;
  std::string_view rest = name;
  for (;;) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return std::nullopt;
    if (std::ranges::any_of(part, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
      return std::nullopt;
    if (slash == std::string_view::npos) return std::string(name);
    rest.remove_prefix(slash + 1);
  }
}

// "30 path=some/name\n" lines of a pax header; only the path matters.
std::string pax_path(std::string_view text) {
  std::string path;
  while (!text.empty()) {
    const auto newline = text.find('\n');
    const auto line = text.substr(0, newline);
    const auto blank = line.find(' ');
    if (blank != std::string_view::npos && line.substr(blank + 1).starts_with("path=")) path = line.substr(blank + 6);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return path;
}

struct CloseGzip {
  void operator()(gzFile file) const { ::gzclose(file); }
};

class Unpacker {
 public:
  Unpacker(gzFile input, std::string root, const BundleLimits& limits)
      : input_(input), root_(std::move(root)), limits_(limits) {}

  Result<void> run() {
    for (;;) {
      Header header;
      TRY_VOID(read(header.bytes.data(), kTarBlock));
      if (header.is_end()) return {};
      TRY_VOID(entry(header));
    }
  }

 private:
  Result<void> read(char* to, std::size_t size) {
    const int got = ::gzread(input_, to, static_cast<unsigned>(size));
    if (got == static_cast<int>(size)) return {};
    int code = 0;
    const char* text = ::gzerror(input_, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) return refused(fmt::format("it is damaged ({})", text));
    return refused("it is cut short");
  }

  Result<void> entry(const Header& header) {
    if (!has_right_sum(header)) return refused("it is no tar archive, or damaged");
    const auto size = octal(header.field(124, 12));
    if (!size) return refused("an entry has no readable size");
    if (++files_ > limits_.files_max) return too_much(fmt::format("more than {} entries", limits_.files_max));
    const char kind = header.kind();
    if (kind == 'L' || kind == 'x') return long_name(kind, *size);
    if (kind == 'g') return skip(*size);
    const std::string name = long_name_.empty() ? header.name() : std::exchange(long_name_, {});
    const auto safe = safe_name(name);
    if (!safe) return refused(fmt::format("the entry {} would leave the bundle's directory", printable(name, 200)));
    if (kind == '5') return make_directory(root_ + "/" + *safe);
    if (kind != '0' && kind != '\0')
      return refused(fmt::format("the entry {} is a link or a device", printable(name, 200)));
    const bool executable = (octal(header.field(100, 8)).value_or(0) & 0100) != 0;
    return write_file(root_ + "/" + *safe, *size, executable ? 0755 : 0644);
  }

  Result<void> long_name(char kind, std::uint64_t size) {
    if (size > 2 * kNameBytesMax) return refused("an entry's name is too long");
    std::string text(size, '\0');
    TRY_VOID(read(text.data(), text.size()));
    TRY_VOID(skip_padding(size));
    if (kind == 'x') {
      if (auto path = pax_path(text); !path.empty()) long_name_ = std::move(path);
    } else {
      long_name_ = text.substr(0, text.find('\0'));
    }
    return {};
  }

  Result<void> skip(std::uint64_t size) {
    while (size > 0) {
      const auto part = std::min<std::uint64_t>(size, room_.size());
      TRY_VOID(count(part));
      TRY_VOID(read(room_.data(), part));
      size -= part;
      if (size == 0) return skip_padding(part);
    }
    return {};
  }

  Result<void> skip_padding(std::uint64_t size) {
    const std::uint64_t padding = (kTarBlock - size % kTarBlock) % kTarBlock;
    return padding == 0 ? Result<void>() : read(room_.data(), padding);
  }

  Result<void> count(std::uint64_t bytes) {
    if (bytes > limits_.bytes_max - bytes_) return too_much(fmt::format("more than {} bytes", limits_.bytes_max));
    bytes_ += bytes;
    return {};
  }

  Result<void> make_directory(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return Error::external(ErrorCode::io, fmt::format("cannot make {}: {}", path, error.message()));
    return {};
  }

  Result<void> write_file(const std::string& path, std::uint64_t size, mode_t mode) {
    TRY_VOID(make_directory(fs::path(path).parent_path()));
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.valid() && errno == EEXIST)
      return refused(fmt::format("it has {} twice", fs::path(path).filename().string()));
    if (!file.valid()) return disk("write " + path);
    std::uint64_t rest = size;
    while (rest > 0) {
      const auto part = std::min<std::uint64_t>(rest, room_.size());
      TRY_VOID(count(part));
      TRY_VOID(read(room_.data(), part));
      TRY_VOID(write_all(file.get(), part, path));
      rest -= part;
    }
    return skip_padding(size);
  }

  Result<void> write_all(int file, std::size_t size, const std::string& path) {
    for (std::size_t done = 0; done < size;) {
      const ssize_t written = ::write(file, room_.data() + done, size - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return disk("write " + path);
      done += static_cast<std::size_t>(written);
    }
    return {};
  }

  static Error too_much(const std::string& what) {
    return Error::user(ErrorCode::resource_exhausted, "the bundle cannot be unpacked: it holds " + what);
  }

  gzFile input_;
  const std::string root_;
  const BundleLimits limits_;
  std::array<char, 64 * 1024> room_{};
  std::uint64_t bytes_ = 0;
  std::uint32_t files_ = 0;
  std::string long_name_;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Result<BundleManifest> parse_manifest(const std::string& path) {
  BundleManifest manifest;
  std::ifstream file(path);
  std::string line;
  std::uint64_t bytes = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    bytes += line.size();
    if (bytes > kManifestBytesMax)
      return Error::user(ErrorCode::invalid_argument, "the bundle's MANIFEST is larger than 64 KiB");
    const auto text = trimmed(line);
    if (text.empty() || text.starts_with('#')) continue;
    const auto colon = text.find(':');
    const auto key = trimmed(text.substr(0, colon));
    const auto value = colon == std::string_view::npos ? std::string_view() : trimmed(text.substr(colon + 1));
    if (key == "Library") {
      manifest.library = value;
    } else if (key == "Entry-Job") {
      manifest.entry_job = value;
    } else {
      return Error::user(ErrorCode::invalid_argument,
                         fmt::format("the bundle's MANIFEST has an unknown key in line {}: {}; known are "
                                     "Library and Entry-Job",
                                     number, printable(key, 100)));
    }
  }
  return manifest;
}

// The one library at the root of a bundle that does not say which.
Result<std::string> only_library(const std::string& directory) {
  std::string found;
  int count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!entry.is_regular_file(error) || entry.path().extension() != ".so") continue;
    found = entry.path().filename().string();
    ++count;
  }
  if (count == 1) return found;
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("the bundle holds {} libraries (.so) at its root: add a file MANIFEST with the line "
                                 "\"Library: NAME.so\"",
                                 count == 0 ? "no" : std::to_string(count)));
}

}  // namespace

Result<bool> is_bundle(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<unsigned char, 2> magic{};
  if (!file.valid()) return disk("read " + path);
  return ::pread(file.get(), magic.data(), magic.size(), 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

Result<void> unpack_bundle(const std::string& path, const std::string& directory, const BundleLimits& limits) {
  TRY(const bool gzip, is_bundle(path));
  if (!gzip) return refused("it is no .tar.gz");
  if (::mkdir(directory.c_str(), 0755) != 0) return disk("make " + directory);
  Result<void> result = disk("read " + path);
  if (const gzFile input = ::gzopen(path.c_str(), "rbe")) {
    const std::unique_ptr<std::remove_pointer_t<gzFile>, CloseGzip> owner(input);
    result = std::make_unique<Unpacker>(input, directory, limits)->run();
  }
  std::error_code ignored;
  if (!result.ok()) fs::remove_all(directory, ignored);
  return result;
}

Result<BundleManifest> read_manifest(const std::string& directory) {
  BundleManifest manifest;
  std::error_code error;
  const std::string path = directory + "/MANIFEST";
  if (fs::is_regular_file(fs::symlink_status(path, error))) {
    TRY(manifest, parse_manifest(path));
  }
  if (manifest.library.empty()) {
    TRY(manifest.library, only_library(directory));
  }
  const auto name = safe_name(manifest.library);
  if (!name || !fs::is_regular_file(fs::symlink_status(directory + "/" + *name, error))) {
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("the bundle's MANIFEST names a library that is not in it: {}", printable(manifest.library, 200)));
  }
  manifest.library = *name;
  return manifest;
}

}  // namespace weir

// A bundle: a job library with the libraries it needs, as one .tar.gz. docs/formats/bundle.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir {

/// Bounds on what a bundle may unpack to.
struct BundleLimits {
  std::uint64_t bytes_max = 4ULL << 30;
  std::uint32_t files_max = 10'000;
};

/// What a bundle's manifest says.
struct BundleManifest {
  std::string library;  ///< path of the entry library, relative to the bundle's root; checked to be a plain file in it
  std::string entry_job;  ///< the job that is run when the submission names none; may be empty
};

/// Whether a file begins as gzip does. Errors: io.
Result<bool> is_bundle(const std::string& path);

/// Unpacks into `directory`, which must not exist yet; after an error it is gone again. Blocks. Lives on: any thread.
/// Regular files and directories only, none outside `directory`: absolute names, "..", links and devices are refused.
/// Errors: corrupt (user) with the entry's name: no gzip, no tar, cut short, a name or kind that is refused;
/// resource_exhausted (user) beyond a limit; io.
Result<void> unpack_bundle(const std::string& path, const std::string& directory, const BundleLimits& limits);

/// Reads MANIFEST in an unpacked bundle. Without one the bundle's root must hold exactly one `.so`.
/// Errors: invalid_argument (user) that says what to put where.
Result<BundleManifest> read_manifest(const std::string& directory);

}  // namespace weir

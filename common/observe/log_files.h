// The files of one daemon in the log directory: their names, their list, and their content for whoever asks from
// outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "weir/result.h"

namespace weir::log {

/// Pieces read from a log at once are cut at this many bytes.
inline constexpr std::uint32_t kReadBytesMax = 1024 * 1024;
/// Files beyond this many are not listed: the oldest ones.
inline constexpr std::size_t kFilesListedMax = 1000;

/// How the files of this process begin: `<directory>/<stem>.log`, `<stem>.out`, `<stem>.1.log`.
struct FilesPrefix {
  std::string directory;
  std::string stem;
  UniqueFd claim;  ///< held as long as the process lives, so that no other one takes the same number
};

/// Chooses "weir-<user>-<service>-<n>-<host>" with the first number that no living process has claimed in the
/// directory, which is made when it does not exist. Blocks; for use at start.
/// @param service  "standalonesession", "taskexecutor"
/// @param given    a whole prefix chosen by the script that started the daemon (WEIR_LOG_PREFIX), which is taken as it
/// is Errors: io with the path and the reason.
Result<FilesPrefix> claim_files(const std::string& directory, std::string_view service,
                                const std::optional<std::string>& given);

struct FileEntry {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t modified_ms = 0;
};

struct FilePiece {
  std::string content;
  std::uint64_t file_bytes = 0;
};

/// The regular files of the directory by name; hidden ones and links are left out. Blocks. Lives on: any thread.
/// Errors: io.
Result<std::vector<FileEntry>> list_files(const std::string& directory);

/// A piece of one listed file. The name is never a path: a slash, a leading dot and a link are refused. An offset
/// behind the end gives nothing. Blocks. Lives on: any thread.
/// @param bytes_max  cut to kReadBytesMax; 0 asks for the size alone
/// Errors: not_found (user) for what the list would not show; io.
Result<FilePiece> read_file(const std::string& directory, const std::string& name, std::uint64_t offset,
                            std::uint32_t bytes_max);

}  // namespace weir::log

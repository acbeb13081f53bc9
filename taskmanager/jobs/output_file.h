// What user code prints, kept in a file that cannot fill the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/async/event.h"
#include "common/async/executor.h"
#include "common/base/unique_fd.h"

namespace weir::taskmanager {

/// Appends to `<path>`; when that has half of the allowed bytes it becomes `<path>.1` and a new one begins, so the
/// oldest half is what is lost. Lives on: the control thread, which waits while the pool writes. Several coroutines may
/// write.
class OutputFile {
 public:
  OutputFile(asio::any_io_executor executor, BlockingPool& pool, std::string path, std::uint64_t bytes_max);

  /// Appends. What cannot be written (disk full) is dropped; the first failure of a row is logged.
  Async<void> write(std::string_view bytes);
  const std::string& path() const noexcept { return path_; }

 private:
  Result<void> append(std::string_view bytes);
  Result<void> open();

  // Set once
  BlockingPool& pool_;
  const std::string path_;
  const std::uint64_t half_;
  // In turns: a pool thread, by one write at a time
  UniqueFd file_;
  std::uint64_t size_ = 0;
  // Control thread only
  bool writing_ = false;
  bool failing_ = false;
  Event idle_;
};

/// Removes the oldest files `<prefix>-*.out` (with their `.1`) beyond the newest `kept`. Blocks; what cannot be removed
/// stays.
void remove_old_outputs(const std::string& prefix, std::size_t kept);

}  // namespace weir::taskmanager

// A directory of this process's own for artefacts and temporary files.
#pragma once

#include <string>

#include "common/base/unique_fd.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// Lives on: any thread (a value that moves). Owned by the daemon. Gone, with what is in it, when this goes.
class WorkingDirectory {
 public:
  /// Makes `<parent>/weir-taskmanager-<random>`, and clears away those whose process was killed. Blocks; for use at
  /// start. Errors: io with the path.
  static Result<WorkingDirectory> make(const std::string& parent);
  WorkingDirectory() = default;  ///< none
  WorkingDirectory(WorkingDirectory&&) noexcept;
  WorkingDirectory& operator=(WorkingDirectory&&) noexcept;
  ~WorkingDirectory();

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  UniqueFd lock_;  // held while the process lives: how others see that the directory is in use
};

}  // namespace weir::taskmanager

// The file system of this machine, mounted directories included.
#pragma once

#include "common/storage/file_system.h"

namespace weir {

/// Any thread; without state.
class LocalFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<ReadableFile>> open(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_directories(const std::string& path) override;
  Result<void> sync_directory(const std::string& directory) override;
};

}  // namespace weir

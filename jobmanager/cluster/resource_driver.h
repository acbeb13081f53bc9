// Who provides TaskManagers: a seam.
#pragma once

#include <cstdint>

#include "common/base/ids.h"

namespace weir::jobmanager {

/// Hears how many slots jobs wait for, and may start TaskManagers for them; those register as all others do.
/// Lives on: the control thread; calls return at once. Owned by the daemon; outlives the dispatcher.
class ResourceDriver {
 public:
  virtual ~ResourceDriver() = default;
  /// So many slots this job waits for: its number replaces the one before; 0: it waits no more.
  virtual void declare(const JobId& job, std::uint32_t slots) = 0;
};

/// TaskManagers are started by people, or by what runs outside: nothing is done here.
class StandaloneDriver final : public ResourceDriver {
 public:
  void declare(const JobId&, std::uint32_t) override {}
};

}  // namespace weir::jobmanager

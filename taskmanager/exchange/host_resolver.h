// Names of machines become addresses, on a thread of its own: a slot's loop can't wait for a name server.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <vector>

#include "taskmanager/exchange/waker.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// One question and, when `done`, its answer.
/// Lives on: the resolver's thread writes before `done`, the asker reads after it.
struct HostLookup {
  std::string host;
  std::uint16_t port = 0;
  std::atomic<bool> done{false};
  Result<void> outcome;
  struct Address {
    sockaddr_storage storage{};
    socklen_t bytes = 0;
  };
  std::vector<Address> addresses;  ///< at least one when the outcome is good; a host may listen at some of them only
};

/// Lives on: any thread; its thread starts with the first name. Owned by the runtime; outlives the slots' threads, and
/// goes before the wakers that it rings.
class HostResolver {
 public:
  HostResolver() = default;
  ~HostResolver();  ///< waits for the lookup under way
  HostResolver(const HostResolver&) = delete;
  HostResolver& operator=(const HostResolver&) = delete;

  /// A numeric address is done at once. Others ring `waker` when they are.
  /// Errors (in the lookup): unavailable (external), "the name ... cannot be resolved: ...".
  std::shared_ptr<HostLookup> look_up(const std::string& host, std::uint16_t port, Waker& waker);

 private:
  struct Question {
    std::shared_ptr<HostLookup> lookup;
    Waker* waker = nullptr;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable asked_;
  // Guarded by mutex_
  std::queue<Question> questions_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::taskmanager

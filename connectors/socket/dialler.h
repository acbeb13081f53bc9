// Dials a TCP server without holding up the thread that asks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/base/unique_fd.h"
#include "weir/operator.h"
#include "weir/result.h"

struct addrinfo;

namespace weir::connectors {

/// Looks a name up on a thread of its own, because the resolver blocks. Lives on: the slot's thread, but for that
/// thread's work.
class HostLookup {
 public:
  HostLookup(const std::string& host, int port);
  /// Waits for the resolver, which gives up after its own time-outs.
  ~HostLookup();
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;

  /// Readable when done.
  int wake_fd() const { return wake_.get(); }
  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Once done. Errors: the name is not known.
  Result<const addrinfo*> addresses() const;

 private:
  UniqueFd wake_;
  std::atomic<bool> done_{false};
  int answer_ = 0;             // written before done_
  addrinfo* found_ = nullptr;  // likewise
  std::thread thread_;
};

/// One try to reach a server: its addresses one after the other. Lives on: the slot's thread.
class Dialler {
 public:
  /// @param deadline_ms  of the whole try, on the clock that dial() is told
  Dialler(std::string host, int port, std::int64_t deadline_ms);

  /// The connected socket, non-blocking; nothing while it takes its time, then wait() says what for.
  /// Errors: not_found for a name that nobody knows, unavailable with the last address's reason.
  Result<std::optional<UniqueFd>> dial(std::int64_t now_ms);
  Progress wait(std::int64_t now_ms) const;

 private:
  /// The next address. @return false when there is none
  bool begin_next();
  Error no_answer(const std::string& reason) const;

  std::string host_;
  int port_;
  std::int64_t deadline_ms_;
  HostLookup lookup_;
  const addrinfo* next_ = nullptr;
  bool looked_up_ = false;
  UniqueFd socket_;  // under way
  std::string reason_ = "no address";
};

}  // namespace weir::connectors

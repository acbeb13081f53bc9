// All data connections of one slot, and the channels that they carry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "common/base/unique_fd.h"
#include "taskmanager/exchange/consumer_links.h"
#include "taskmanager/exchange/producer_links.h"

namespace weir::taskmanager {

/// What the slot has dialled and what others have dialled to it, for the slot's loop.
/// Lives on: the slot's thread. Owned by the slot's loop; outlives its tasks.
class SlotConnections {
 public:
  struct Settings {
    DataConnection::Settings connection;
    std::int64_t connect_timeout_us =
        30'000'000;  ///< for a consumer, from its deployment to a connection with the producer's worker
    std::int64_t prove_timeout_us = 10'000'000;  ///< for an accepted connection
    std::size_t unproven_max = 256;              ///< accepted connections that have not proved themselves
  };
  SlotConnections(const Settings& settings, Poller& poller, BlockPool& pool, Waker& waker, HostResolver& resolver);

  ConsumerLinks& consumers() { return consumers_; }
  ProducerLinks& producers() { return producers_; }

  /// Writes what waits, and removes what is dead. @return  whether anything went
  bool flush();
  /// Dials, gives up, drops. @return  whether anything was done
  bool on_time(std::int64_t now_us);
  /// The loop has slept until now. Time that it neither slept nor came here was user code's, and counts for no
  /// deadline: what the peers have sent meanwhile waits in the sockets.
  void awake(std::int64_t now_us) { last_seen_us_ = now_us; }
  /// When on_time has something to do, if nothing happens before; INT64_MAX: never.
  std::int64_t next_time_us() const { return std::min(consumers_.next_time_us(), producers_.next_time_us()); }
  bool is_empty() const { return consumers_.is_empty() && producers_.is_empty(); }

 private:
  ConsumerLinks consumers_;
  ProducerLinks producers_;
  std::int64_t last_seen_us_ = 0;  // when on_time or awake was called last; 0: never
};

}  // namespace weir::taskmanager

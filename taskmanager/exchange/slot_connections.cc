#include "taskmanager/exchange/slot_connections.h"

namespace weir::taskmanager {

namespace {

/// A loop that was away longer than this was held up by user code.
constexpr std::int64_t kAwayUs = 1'000'000;

}  // namespace

SlotConnections::SlotConnections(const Settings& settings, Poller& poller, BlockPool& pool, Waker& waker,
                                 HostResolver& resolver)
    : consumers_({.connection = settings.connection, .connect_timeout_us = settings.connect_timeout_us}, poller, pool,
                 waker, resolver),
      producers_({.connection = settings.connection,
                  .prove_timeout_us = settings.prove_timeout_us,
                  .unproven_max = settings.unproven_max},
                 poller, pool) {}

bool SlotConnections::flush() {
  const bool has_asked = consumers_.flush();
  return producers_.flush() || has_asked;
}

bool SlotConnections::on_time(std::int64_t now_us) {
  if (last_seen_us_ != 0 && now_us - last_seen_us_ > kAwayUs) {
    consumers_.put_off(now_us - last_seen_us_);
    producers_.put_off(now_us - last_seen_us_);
  }
  last_seen_us_ = now_us;
  const bool has_dialled = consumers_.on_time(now_us);
  return producers_.on_time(now_us) || has_dialled;
}

}  // namespace weir::taskmanager

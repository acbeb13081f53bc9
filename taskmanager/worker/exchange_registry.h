// The channels between tasks of this worker, found from either end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "taskmanager/exchange/data_frame.h"
#include "taskmanager/exchange/local_channel.h"

namespace weir::taskmanager {

/// Gives both tasks of a channel the same object, whichever is deployed first.
/// Lives on: the worker's control thread. Keeps no channel alive.
class ExchangeRegistry {
 public:
  /// @param window  blocks on their way at most; the first caller's counts, both compute the same
  std::shared_ptr<LocalChannel> channel(const ChannelKey& key, std::uint32_t window, Waker& producer, Waker& consumer) {
    auto& known = channels_[key];
    auto channel = known.lock();
    if (channel == nullptr) {
      channel = std::make_shared<LocalChannel>(window, producer, consumer);
      known = channel;
    }
    return channel;
  }
  /// Forgets channels of which both ends are gone.
  void purge() {
    std::erase_if(channels_, [](const auto& entry) { return entry.second.expired(); });
  }
  std::size_t size() const { return channels_.size(); }

 private:
  std::map<ChannelKey, std::weak_ptr<LocalChannel>> channels_;
};

}  // namespace weir::taskmanager

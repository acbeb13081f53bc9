// Where an exchange's rows enter a task: the channels from its producers, read in turn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "taskmanager/exchange/channel.h"
#include "taskmanager/exchange/first_failure.h"
#include "taskmanager/exchange/local_channel.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// The channels of one incoming edge of one task, in order of the producers' subtasks.
/// Lives on: the consuming slot's thread. Owned by an input reader.
/// Promise: elements of one channel come in order; a channel with something is not passed over for another one twice in
/// a row.
class InputGate {
 public:
  /// @param signals  what the channels mark; as many channels as `channels`
  /// @param failure  what remote channels set when they break
  InputGate(std::vector<std::unique_ptr<InputChannel>> channels, std::shared_ptr<GateSignals> signals,
            std::shared_ptr<const FirstFailure> failure);

  std::uint32_t size() const { return static_cast<std::uint32_t>(channels_.size()); }
  /// The next element and the channel that it came from.
  /// @return  false when no channel has anything now
  bool next(Element& element, std::uint32_t& channel);
  /// The same for one channel only. @return  false when it has nothing now
  bool next_of(std::uint32_t channel, Element& element) { return channels_[channel]->pop(element); }
  ChannelFill fill() const {
    ChannelFill sum;
    for (const auto& channel : channels_) sum += channel->fill();
    return sum;
  }
  /// The producers of all channels are there.
  bool is_connected();
  /// Why a channel has broken.
  const std::optional<Error>& failure() const { return failure_->reason(); }

 private:
  std::vector<std::unique_ptr<InputChannel>> channels_;
  const std::shared_ptr<GateSignals> signals_;
  const std::shared_ptr<const FirstFailure> failure_;
  std::vector<std::uint64_t> ready_;  // one bit per channel that may have something
  std::uint32_t after_ = 0;           // where the next turn begins
  bool is_connected_ = false;
};

}  // namespace weir::taskmanager

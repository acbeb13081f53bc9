// Where an exchange's rows leave a task: the channels to its consumers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "taskmanager/exchange/channel.h"
#include "taskmanager/exchange/first_failure.h"
#include "taskmanager/exchange/growing_queue.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// The channels of one outgoing edge of one task, in order of the consumers' subtasks.
/// Lives on: the producing slot's thread. Owned by an output writer.
/// Promise: `push` always takes the element and keeps order within a channel. What a full channel does not take waits
/// here, and while anything waits, `is_blocked`: its task must not step. So what waits is bounded by what one batch
/// makes.
class OutputPartition {
 public:
  /// @param failure  what remote channels set when they break
  OutputPartition(std::vector<std::unique_ptr<OutputChannel>> channels, std::shared_ptr<const FirstFailure> failure);
  ~OutputPartition();
  OutputPartition(const OutputPartition&) = delete;
  OutputPartition& operator=(const OutputPartition&) = delete;

  std::uint32_t size() const { return static_cast<std::uint32_t>(channels_.size()); }
  void push(std::uint32_t target, const Element& element);
  /// Tries what waits again. @return  whether anything was handed over
  bool retry();
  bool is_blocked() const { return waiting_ > 0; }
  /// Every consumer has taken the end of the partition.
  bool is_done() const;
  ChannelFill fill() const {
    ChannelFill sum;
    for (const auto& channel : channels_) sum += channel->fill();
    return sum;
  }
  bool is_remote(std::uint32_t target) const { return channels_[target]->is_remote(); }
  /// Why a channel has broken.
  const std::optional<Error>& failure() const { return failure_->reason(); }

 private:
  // Set once
  std::vector<std::unique_ptr<OutputChannel>> channels_;
  const std::shared_ptr<const FirstFailure> failure_;
  // The slot's thread only
  std::vector<GrowingQueue<Element>> overdraft_;  // by channel
  std::size_t waiting_ = 0;                       // elements in overdraft_
};

}  // namespace weir::taskmanager

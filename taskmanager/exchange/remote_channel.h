// The two ends of a channel between processes; the connection that carries it belongs to the slot.
#pragma once

#include <cstdint>
#include <string>

#include "taskmanager/exchange/channel.h"
#include "taskmanager/exchange/data_frame.h"
#include "taskmanager/exchange/growing_queue.h"
#include "taskmanager/exchange/input_gate.h"
#include "taskmanager/exchange/output_partition.h"

namespace weir::taskmanager {

class SlotConnections;
struct Link;

/// The producer's end: sends as far as the consumer's credit goes.
/// Lives on: the producing slot's thread. Owned by an output partition; the slot's connections outlive it.
class RemoteOutput final : public OutputChannel {
 public:
  RemoteOutput(SlotConnections& connections, ChannelKey key, std::string consumer_name);
  ~RemoteOutput() override;

  bool push(const Element& element) override;
  bool is_done() const override { return is_done_; }
  bool is_remote() const override { return true; }
  ChannelFill fill() const override {
    return {static_cast<std::uint32_t>(credit_ < window_ ? window_ - credit_ : 0), window_};
  }

 private:
  friend class SlotConnections;

  SlotConnections& connections_;
  const ChannelKey key_;
  const std::string consumer_name_;  // "Map (2/4)"
  OutputPartition* partition_ = nullptr;
  Link* link_ = nullptr;  // null until the consumer has opened the channel
  std::uint32_t channel_ = 0;
  std::uint32_t window_ = 0;  // the credit at the opening
  std::uint64_t credit_ = 0;  // blocks that may be sent
  bool is_done_ = false;
};

/// The consumer's end: holds what has come, at most a window of blocks, and gives credit back as it is read.
/// Lives on: the consuming slot's thread. Owned by an input gate; the slot's connections outlive it.
class RemoteInput final : public InputChannel {
 public:
  /// @param window  blocks on their way or waiting here at most
  RemoteInput(SlotConnections& connections, ChannelKey key, std::string producer_name, RowLayout layout,
              std::uint32_t window);
  ~RemoteInput() override;

  bool pop(Element& element) override;
  bool is_connected() const override { return is_connected_; }
  ChannelFill fill() const override { return {blocks_waiting_, window_}; }

 private:
  friend class SlotConnections;

  SlotConnections& connections_;
  const ChannelKey key_;
  const std::string producer_name_;
  const RowLayout layout_;
  const std::uint32_t window_;
  InputGate* gate_ = nullptr;
  std::uint32_t index_ = 0;  // in the gate
  Link* link_ = nullptr;
  std::uint32_t channel_ = 0;
  GrowingQueue<Element> queue_;
  std::uint32_t blocks_waiting_ = 0;  // in queue_
  std::uint32_t unreturned_ = 0;      // blocks read whose credit has not been given back
  std::int64_t deadline_us_ = 0;      // for is_connected_
  bool is_connected_ = false;
  bool has_end_come_ = false;
  bool is_over_ = false;  // the end has been read, or the channel is broken
};

}  // namespace weir::taskmanager

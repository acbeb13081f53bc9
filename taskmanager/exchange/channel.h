// The two ends of a channel between two tasks.
#pragma once

#include "taskmanager/exchange/element.h"

namespace weir::taskmanager {

/// What is under way and the most that there may be, in usual blocks; credit.h says how larger ones count.
struct ChannelFill {
  std::uint32_t blocks = 0;
  std::uint32_t window = 0;
  ChannelFill& operator+=(const ChannelFill& other) {
    blocks += other.blocks;
    window += other.window;
    return *this;
  }
};

/// The producer's end. Lives on: the producing slot's thread. Owned by an output partition.
class OutputChannel {
 public:
  virtual ~OutputChannel() = default;
  /// Hands an element over; its block then belongs to the channel.
  /// @return  false, and nothing is taken, when there is no room: try again after the loop has been woken
  virtual bool push(const Element& element) = 0;
  /// The consumer has taken the end of the partition.
  virtual bool is_done() const = 0;
  /// May a block that is not full wait here for the buffer time-out, because sending it costs a system call?
  virtual bool is_remote() const = 0;
  /// Handed over, and not known to have been read.
  virtual ChannelFill fill() const = 0;
};

/// The consumer's end. Lives on: the consuming slot's thread. Owned by an input gate.
class InputChannel {
 public:
  virtual ~InputChannel() = default;
  /// @return  false when there is nothing now; the gate's signals are marked when there is
  virtual bool pop(Element& element) = 0;
  /// The producer's end is known to be there.
  virtual bool is_connected() const = 0;
  /// Arrived, and not read.
  virtual ChannelFill fill() const = 0;
};

}  // namespace weir::taskmanager

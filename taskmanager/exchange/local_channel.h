// A channel between two tasks of one worker: blocks change hands by pointer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "taskmanager/exchange/channel.h"
#include "taskmanager/exchange/credit.h"
#include "taskmanager/exchange/spsc_ring.h"
#include "taskmanager/exchange/waker.h"

namespace weir::taskmanager {

/// Which channels of one gate have something, as their producers and connections report it.
/// Lives on: `mark` any thread, `take` the gate's. Shared by the gate and the channels that lead to it.
class GateSignals {
 public:
  explicit GateSignals(std::size_t channels) : words_((channels + 63) / 64) {}
  std::size_t words() const { return words_.size(); }
  void mark(std::uint32_t channel) noexcept {
    words_[channel / 64].fetch_or(std::uint64_t{1} << (channel % 64), std::memory_order_seq_cst);
  }
  /// The marks of 64 channels since the last call.
  std::uint64_t take(std::size_t word) noexcept {
    if (words_[word].load(std::memory_order_relaxed) == 0) return 0;
    return words_[word].exchange(0, std::memory_order_acquire);
  }

 private:
  std::vector<std::atomic<std::uint64_t>> words_;
};

/// What both ends share. Made by the control thread when the first of the two tasks is deployed, kept until both are
/// gone. Lives on: the producer's slot pushes, the consumer's pops, the control thread attaches. The slots' wakers and
/// pools outlive it.
class LocalChannel {
 public:
  /// @param window  credit: usual blocks on their way at most (credit.h)
  LocalChannel(std::uint32_t window, Waker& producer, Waker& consumer);
  ~LocalChannel();
  LocalChannel(const LocalChannel&) = delete;
  LocalChannel& operator=(const LocalChannel&) = delete;

  /// Tells the channel whom to mark. Once, before the consumer's gate looks at the channel for the first time.
  void attach(std::shared_ptr<GateSignals> signals, std::uint32_t index);
  /// The producer's task has been built. Once.
  void connect();

  bool push(const Element& element) noexcept;
  bool pop(Element& element) noexcept;
  bool is_connected() const noexcept { return connected_.load(std::memory_order_acquire); }
  ChannelFill fill() const noexcept {
    return {sent_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_relaxed), window_};
  }
  bool is_end_taken() const noexcept { return end_taken_.load(std::memory_order_acquire); }

 private:
  bool has_credit(std::uint32_t cost) noexcept;
  std::uint32_t cost_of(const Element& element) const noexcept {
    return element.kind == ElementKind::block ? credit_for(*element.block, window_) : 1;
  }

  // Set once
  const std::uint32_t window_;
  Waker& producer_;
  Waker& consumer_;
  std::shared_ptr<GateSignals> signals_;
  std::uint32_t index_ = 0;
  // Any thread
  std::atomic<GateSignals*> attached_{nullptr};
  std::atomic<bool> connected_{false};
  std::atomic<bool> end_taken_{false};
  alignas(64) std::atomic<bool> producer_waits_{false};
  SpscRing<Element> ring_;  // never full before the credit is used up: an element costs at least 1
  // Producer writes
  alignas(64) std::atomic<std::uint32_t> sent_{0};  // credit of all that was pushed, modulo 2^32
  std::uint32_t taken_seen_ = 0;
  // Consumer writes
  alignas(64) std::atomic<std::uint32_t> taken_{0};  // credit of all that was popped, modulo 2^32
};

class LocalOutput final : public OutputChannel {
 public:
  explicit LocalOutput(std::shared_ptr<LocalChannel> channel) : channel_(std::move(channel)) {}
  bool push(const Element& element) override { return channel_->push(element); }
  bool is_done() const override { return channel_->is_end_taken(); }
  bool is_remote() const override { return false; }
  ChannelFill fill() const override { return channel_->fill(); }

 private:
  const std::shared_ptr<LocalChannel> channel_;
};

class LocalInput final : public InputChannel {
 public:
  explicit LocalInput(std::shared_ptr<LocalChannel> channel) : channel_(std::move(channel)) {}
  bool pop(Element& element) override { return channel_->pop(element); }
  bool is_connected() const override { return channel_->is_connected(); }
  ChannelFill fill() const override { return channel_->fill(); }

 private:
  const std::shared_ptr<LocalChannel> channel_;
};

}  // namespace weir::taskmanager

// What a task reads: batches, watermarks and ends of data from all its edges, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "taskmanager/exchange/gather.h"
#include "taskmanager/exchange/growing_queue.h"
#include "taskmanager/exchange/input_gate.h"
#include "taskmanager/input/watermark_merger.h"

namespace weir::taskmanager {

/// One thing that a task has to react to.
struct InputEvent {
  enum class Kind : std::uint8_t {
    block,        ///< rows for `input`; the receiver gives the block back
    watermark,    ///< `watermark_ms` over all inputs has been reached
    end_of_data,  ///< `input` has no more rows and no more watermarks
  };
  Kind kind = Kind::block;
  std::uint32_t input = 0;
  Block* block = nullptr;
  std::int64_t watermark_ms = 0;
};

/// Reads the gates of a task in turn, merges watermarks, knows when an input and when all have ended, and puts small
/// blocks together. Lives on: the consuming slot's thread. Owned by a task.
class InputReader {
 public:
  struct Edge {
    std::uint32_t input = 0;  ///< of the operator at the chain's head
    std::unique_ptr<InputGate> gate;
    RowLayout layout;
  };
  InputReader(std::vector<Edge> edges, BlockPool& pool);
  ~InputReader();
  InputReader(const InputReader&) = delete;
  InputReader& operator=(const InputReader&) = delete;

  /// @return  false when there is nothing to read now
  bool next(InputEvent& event);

  bool is_connected();
  /// The data of all inputs has ended, and all events of it have been given out.
  bool is_data_at_end() const { return data_channels_ == 0 && queued_.empty(); }
  /// All producers' tasks have ended: nothing comes any more.
  bool is_at_end() const { return open_channels_ == 0 && !has_pending_ && queued_.empty(); }
  /// The reason of the first broken channel, or null.
  const Error* failure() const;

  ChannelFill fill() const {
    ChannelFill sum;
    for (const auto& gate : gates_) sum += gate.gate->fill();
    return sum;
  }
  std::uint64_t rows_in() const { return rows_in_; }
  std::uint64_t blocks_in() const { return blocks_in_; }
  std::uint64_t bytes_in() const { return bytes_in_; }

 private:
  struct Gate {
    std::uint32_t input = 0;
    std::unique_ptr<InputGate> gate;
    RowGather gather;
    std::uint32_t first_channel = 0;  // in the merger
  };
  bool read(std::uint32_t edge, InputEvent& event);
  bool react(std::uint32_t edge, std::uint32_t channel, const Element& element, InputEvent& event);
  Block* merge(Gate& gate, Block* first);
  void end_data(std::uint32_t edge, std::uint32_t channel);

  // Set once
  std::vector<Gate> gates_;
  BlockPool& pool_;
  // The slot's thread only
  WatermarkMerger watermarks_;
  std::vector<std::uint32_t> data_by_input_;  // channels whose data has not ended
  std::uint32_t data_channels_ = 0;           // the same over all inputs
  std::uint32_t open_channels_ = 0;           // channels that have not ended
  std::uint32_t next_gate_ = 0;
  GrowingQueue<InputEvent> queued_;  // follow what was given out last
  bool has_pending_ = false;         // an element that merge() read and that is not rows of the same kind
  std::uint32_t pending_edge_ = 0;
  std::uint32_t pending_channel_ = 0;
  Element pending_;
  std::uint64_t rows_in_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t blocks_in_ = 0;
};

}  // namespace weir::taskmanager

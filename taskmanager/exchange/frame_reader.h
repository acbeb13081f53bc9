// Bytes from a data connection become frames; rows go straight into blocks of the pool.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "taskmanager/exchange/block_packer.h"
#include "taskmanager/exchange/data_frame.h"
#include "weir/block.h"
#include "weir/result.h"

namespace weir::taskmanager {

/// What becomes of a channel's blocks.
struct BlockTarget {
  enum class Kind : std::uint8_t {
    unknown,  ///< no such channel: a violation
    discard,  ///< the channel has been closed here while the block was on its way
    accept,
  };
  Kind kind = Kind::unknown;
  const RowLayout* layout = nullptr;  ///< accept
};

/// Takes whole, checked frames. An Error ends the connection.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// Asked when a block begins and again when it is whole: its channel may have been closed here meanwhile.
  virtual BlockTarget block_target(std::uint32_t channel) = 0;
  /// Any kind but block and packed_block. `payload` is valid during the call.
  virtual Result<void> on_frame(const FrameHeader& header, std::string_view payload) = 0;
  /// Comes right after block_target has accepted it. The receiver gives the block back.
  virtual Result<void> on_block(std::uint32_t channel, Block* block) = 0;
};

/// Decodes one direction of a data connection. The reader says where the next bytes are to go, so that most of a block
/// is never copied. Lives on: the slot's thread. Owned by a connection. After an Error it is not to be used any more.
/// Promise: memory is taken only for a block whose header fits the channel's type and the limit, and a block is handed
/// on only after check_block.
class FrameReader {
 public:
  /// @param rows_and_text_bytes_max  of one block
  FrameReader(BlockPool& pool, std::uint32_t rows_and_text_bytes_max);
  ~FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  static constexpr int kTargetsMax = 5;
  /// Fills `targets` with the places of the next bytes, in order. @return  how many places, at least 1
  int targets(iovec* targets);
  /// `count` bytes have been written to these places.
  /// Errors: corrupt (external), the sink's.
  Result<void> received(std::size_t count, FrameSink& sink);

  /// No byte of an unfinished frame has come.
  bool is_at_frame_border() const { return state_ == State::header && begin_ == end_; }

 private:
  enum class State : std::uint8_t { header, payload, block, skip };
  static constexpr std::size_t kBufferBytes = 8192;
  static constexpr std::size_t kReadAheadBytes = 256;  // behind a block, for the headers that follow

  Result<bool> step(FrameSink& sink);
  Result<bool> read_header();
  Result<bool> read_payload(FrameSink& sink);
  Result<bool> begin_block(FrameSink& sink);
  void take_block();
  void fill_block(std::size_t count);
  Result<void> end_block(FrameSink& sink);
  Result<void> check_sum();
  std::size_t buffered() const { return end_ - begin_; }
  void make_room();

  // Set once
  BlockPool& pool_;
  const std::uint32_t rows_and_text_bytes_max_;
  // The slot's thread only
  State state_ = State::header;
  FrameHeader header_;
  FrameChecksum checksum_;
  std::uint64_t next_sequence_ = 0;
  Block block_header_;  // of the block that is being received
  Block* block_ = nullptr;
  BlockParts parts_;           // what is being filled: of the block, or packed_
  std::size_t part_ = 0;       // the one being filled
  std::size_t part_done_ = 0;  // bytes of it
  std::size_t skip_ = 0;       // bytes to pass over
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<std::uint8_t, kBufferBytes> buffer_;
  BlockPacker packer_;
  std::vector<std::uint8_t> packed_;  // empty until a packed block comes
};

}  // namespace weir::taskmanager

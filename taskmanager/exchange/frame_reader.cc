#include "taskmanager/exchange/frame_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/try.h"
#include "weir/block_check.h"

namespace weir::taskmanager {

namespace {

Error corrupt(std::string message) { return Error::external(ErrorCode::corrupt, "data frame: " + std::move(message)); }

}  // namespace

FrameReader::FrameReader(BlockPool& pool, std::uint32_t rows_and_text_bytes_max)
    : pool_(pool), rows_and_text_bytes_max_(rows_and_text_bytes_max) {}

FrameReader::~FrameReader() {
  if (block_ != nullptr) pool_.give(block_);
}

int FrameReader::targets(iovec* targets) {
  int count = 0;
  if (state_ == State::block) {
    // Whatever was buffered has been copied into the block; what follows it goes to the buffer.
    for (std::size_t part = part_; part < parts_.count; ++part) {
      const std::size_t done = part == part_ ? part_done_ : 0;
      targets[count++] = {parts_.parts[part].bytes + done, parts_.parts[part].count - done};
    }
    begin_ = end_ = 0;
    targets[count++] = {buffer_.data(), kReadAheadBytes};
    return count;
  }
  make_room();
  targets[count++] = {buffer_.data() + end_, buffer_.size() - end_};
  return count;
}

void FrameReader::make_room() {
  if (begin_ == 0) return;
  std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
  end_ -= begin_;
  begin_ = 0;
}

Result<void> FrameReader::received(std::size_t count, FrameSink& sink) {
  if (state_ == State::block) {
    const std::size_t missing = parts_.bytes;
    const std::size_t own = std::min(count, missing);
    fill_block(own);
    end_ += count - own;
  } else {
    end_ += count;
  }
  for (;;) {
    TRY(const bool has_moved, step(sink));
    if (!has_moved) return {};
  }
}

Result<bool> FrameReader::step(FrameSink& sink) {
  switch (state_) {
    case State::header: return read_header();
    case State::payload: return is_block(header_.kind) ? begin_block(sink) : read_payload(sink);
    case State::block: {
      if (parts_.bytes > 0) {
        // The front of the block may have come together with its header.
        while (buffered() > 0 && parts_.bytes > 0) {
          const auto& part = parts_.parts[part_];
          const std::size_t piece = std::min(buffered(), part.count - part_done_);
          std::memcpy(part.bytes + part_done_, buffer_.data() + begin_, piece);
          begin_ += piece;
          fill_block(piece);
        }
        if (parts_.bytes > 0) return false;
      }
      TRY_VOID(end_block(sink));
      return true;
    }
    case State::skip: {
      const std::size_t piece = std::min(buffered(), skip_);
      checksum_.add(buffer_.data() + begin_, piece);
      begin_ += piece;
      skip_ -= piece;
      if (skip_ > 0) return false;
      TRY_VOID(check_sum());
      state_ = State::header;
      return true;
    }
  }
  return false;
}

Result<bool> FrameReader::read_header() {
  if (buffered() < kFrameHeaderBytes) return false;
  const std::uint32_t block_payload_max = static_cast<std::uint32_t>(sizeof(Block)) +
                                          Block::prefix_bytes(kBlockTimestamps | kBlockRowKinds) +
                                          rows_and_text_bytes_max_;
  TRY(header_, decode_header(buffer_.data() + begin_, block_payload_max));
  if (header_.sequence != next_sequence_)
    return corrupt(fmt::format("frame {} where {} was expected", header_.sequence, next_sequence_));
  ++next_sequence_;
  begin_ += kFrameHeaderBytes;
  checksum_.begin(header_);
  state_ = State::payload;
  return true;
}

Result<bool> FrameReader::read_payload(FrameSink& sink) {
  if (buffered() < header_.payload_bytes) return false;
  const std::string_view payload(reinterpret_cast<const char*>(buffer_.data() + begin_), header_.payload_bytes);
  checksum_.add(payload.data(), payload.size());
  TRY_VOID(check_sum());
  begin_ += header_.payload_bytes;
  state_ = State::header;
  TRY_VOID(sink.on_frame(header_, payload));
  return true;
}

Result<bool> FrameReader::begin_block(FrameSink& sink) {
  if (buffered() < sizeof(Block)) return false;
  const std::uint8_t* const bytes = buffer_.data() + begin_;
  const BlockTarget target = sink.block_target(header_.channel);
  if (target.kind == BlockTarget::Kind::unknown)
    return corrupt(fmt::format("rows for channel {}, which does not exist", header_.channel));
  if (target.kind == BlockTarget::Kind::discard) {
    skip_ = header_.payload_bytes;
    state_ = State::skip;
    return true;
  }
  TRY(const Block header, decode_block_header(bytes));
  TRY_VOID(check_block_header(header, *target.layout, rows_and_text_bytes_max_));
  const std::uint64_t prefix =
      std::uint64_t{header.has_timestamps() ? 8u : 0u} * header.rows + (header.has_row_kinds() ? header.rows : 0);
  const std::uint64_t content = prefix + header.fixed_bytes + header.text_bytes;
  const std::uint64_t sent = header_.payload_bytes - sizeof(Block);
  const bool is_packed = header_.kind == FrameKind::packed_block;
  if (is_packed ? sent == 0 || sent >= content || content > BlockPacker::kPackedBytesMax : sent != content)
    return corrupt(fmt::format("payload of {} bytes does not fit the block in it", header_.payload_bytes));
  checksum_.add(bytes, sizeof(Block));
  begin_ += sizeof(Block);
  block_header_ = header;
  if (is_packed) {
    packed_.resize(BlockPacker::kPackedBytesMax);
    parts_ = {.parts = {{{packed_.data(), static_cast<std::size_t>(sent)}}},
              .count = 1,
              .bytes = static_cast<std::size_t>(sent)};
  } else {
    take_block();
    parts_ = parts_of(*block_);
  }
  part_ = 0;
  part_done_ = 0;
  state_ = State::block;
  return true;
}

void FrameReader::take_block() {
  block_ = pool_.take(Block::prefix_bytes(block_header_.flags) +
                      ((block_header_.fixed_bytes + block_header_.text_bytes + 63) & ~63u));
  std::memcpy(reinterpret_cast<std::uint8_t*>(block_), reinterpret_cast<const std::uint8_t*>(&block_header_),
              offsetof(Block, capacity));
}

void FrameReader::fill_block(std::size_t count) {
  parts_.bytes -= count;  // from here on: bytes that are missing
  while (count > 0) {
    const std::size_t piece = std::min(count, parts_.parts[part_].count - part_done_);
    part_done_ += piece;
    count -= piece;
    if (part_done_ == parts_.parts[part_].count) {
      ++part_;
      part_done_ = 0;
    }
  }
}

Result<void> FrameReader::end_block(FrameSink& sink) {
  for (std::size_t part = 0; part < parts_.count; ++part)
    checksum_.add(parts_.parts[part].bytes, parts_.parts[part].count);
  state_ = State::header;
  TRY_VOID(check_sum());
  // Asked anew: what was accepted when the block began may be gone, its layout with it.
  const BlockTarget target = sink.block_target(header_.channel);
  if (target.kind != BlockTarget::Kind::accept) {
    if (Block* const block = std::exchange(block_, nullptr)) pool_.give(block);
    return {};
  }
  if (header_.kind == FrameKind::packed_block) {
    take_block();
    if (!packer_.unpack(packed_.data(), parts_.parts[0].count, parts_of(*block_)))
      return corrupt(fmt::format("the packed block in frame {} can't be unpacked", header_.sequence));
  }
  TRY_VOID(check_block(*block_, *target.layout));
  return sink.on_block(header_.channel, std::exchange(block_, nullptr));
}

Result<void> FrameReader::check_sum() {
  if (checksum_.result() != header_.checksum)
    return corrupt(fmt::format("frame {} has a wrong checksum", header_.sequence));
  return {};
}

}  // namespace weir::taskmanager

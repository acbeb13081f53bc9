// One data connection: a socket between a producing and a consuming slot, driven by the loop of the slot at this end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"
#include "taskmanager/exchange/channel_proof.h"
#include "taskmanager/exchange/frame_reader.h"
#include "taskmanager/exchange/growing_queue.h"
#include "taskmanager/exchange/poller.h"

namespace weir::taskmanager {

class DataConnection;

/// Receives what comes over a connection once both ends have proved themselves. Lives on: the slot's thread.
/// None of its functions destroys the connection.
class DataConnectionEvents {
 public:
  virtual ~DataConnectionEvents() = default;
  virtual void on_proven(DataConnection& connection) = 0;
  virtual BlockTarget block_target(DataConnection& connection, std::uint32_t channel) = 0;
  virtual Result<void> on_frame(DataConnection& connection, const FrameHeader& header, std::string_view payload) = 0;
  virtual Result<void> on_block(DataConnection& connection, std::uint32_t channel, Block* block) = 0;
  /// The last call: the socket is closed.
  virtual void on_ended(DataConnection& connection, const Error& reason) = 0;
};

/// Proves the job's secret and has it proved, then carries frames both ways.
/// Lives on: the slot's thread. Owned by a link.
/// Life cycle: (dialled: connecting,) proving, proven, ended. What is sent before it is proven waits.
/// A frame gets its sequence number and its checksum when it is written, so the order of what waits is still open.
/// Promise: an unproven peer can make it hold no more than its read buffer.
class DataConnection final : public PollWatcher, private FrameSink {
 public:
  struct Settings {
    JobId job;
    std::string secret;
    std::uint32_t slot = 0;       ///< of this end
    std::string task_manager_id;  ///< of this end
    std::uint32_t rows_and_text_bytes_max = 0;
    bool packs_blocks = false;  ///< LZ4 over what it sends; packed blocks are always taken
  };
  /// Takes a socket that another slot has dialled, after its hello. This end is the producer.
  static std::unique_ptr<DataConnection> accepted(const Settings& settings, UniqueFd socket, Poller& poller,
                                                  BlockPool& pool, DataConnectionEvents& events);
  /// Dials. This end is the consumer.
  /// @param address  numeric "host:port" for logs
  /// @param socket   non-blocking, its connect under way
  /// @param slot     of the producer
  static std::unique_ptr<DataConnection> dialled(const Settings& settings, UniqueFd socket, std::string address,
                                                 std::uint32_t slot, Poller& poller, BlockPool& pool,
                                                 DataConnectionEvents& events);
  ~DataConnection() override;
  DataConnection(const DataConnection&) = delete;
  DataConnection& operator=(const DataConnection&) = delete;

  void send(FrameKind kind, std::uint32_t channel, std::string_view payload);
  /// Takes the block and gives it back when its bytes have gone.
  void send_block(std::uint32_t channel, Block* block);
  /// Writes as much as the socket takes. @return  whether anything went
  bool flush();
  /// Ends it with a reason, telling the events. Nothing when it has ended.
  void end(const Error& reason);

  bool is_connecting() const { return state_ == State::connecting; }
  bool is_proven() const { return state_ == State::proven; }
  bool has_ended() const { return state_ == State::ended; }
  bool has_unsent() const { return !queue_.empty(); }
  std::uint64_t queued_bytes() const { return queued_bytes_; }
  /// The other end, for people: "tm-1 at 10.0.0.7:40312".
  std::string peer() const;

  void on_ready(std::uint32_t events) override;

 private:
  enum class State : std::uint8_t { connecting, proving, proven, ended };
  static constexpr std::size_t kInlineBytes = kFrameHeaderBytes + sizeof(Block);
  struct Outgoing {
    FrameKind kind = FrameKind::block;
    bool is_sealed = false;  // its header is written: nothing may go before it any more
    std::uint32_t channel = 0;
    std::array<std::uint8_t, kInlineBytes> head{};  // frame header, then a block's header or a short payload
    std::size_t head_bytes = 0;
    std::string payload;  // a longer one
    Block* block = nullptr;
    std::size_t packed_bytes = 0;  // the block's memory holds so many packed bytes instead of rows
    std::size_t bytes = 0;         // of all of it
  };

  DataConnection(ProvingSide side, const Settings& settings, UniqueFd socket, std::string address, Poller& poller,
                 BlockPool& pool, DataConnectionEvents& events);
  void begin_proving();
  void read();
  static Outgoing frame_of(FrameKind kind, std::uint32_t channel, std::string_view payload);
  void enqueue(Outgoing frame);
  /// Gives the frame the next sequence number, and writes its header.
  void seal(Outgoing& frame);
  /// What goes over the wire of a block: its parts, or one part of packed bytes in `frame.block`.
  static BlockParts pieces_of(const Outgoing& frame);
  void watch(bool for_writing);
  Result<void> prove(const FrameHeader& header, std::string_view payload);

  BlockTarget block_target(std::uint32_t channel) override;
  Result<void> on_frame(const FrameHeader& header, std::string_view payload) override;
  Result<void> on_block(std::uint32_t channel, Block* block) override;

  // Set once
  const ProvingSide side_;
  const std::string secret_;
  const std::string task_manager_id_;
  const std::string address_;
  const bool packs_blocks_;
  Poller& poller_;
  BlockPool& pool_;
  DataConnectionEvents& events_;
  // The slot's thread only
  UniqueFd socket_;
  State state_;
  ProofFacts facts_;
  std::string peer_name_;  // what it calls itself
  FrameReader reader_;
  FrameChecksum checksum_;
  BlockPacker packer_;
  std::uint64_t next_sequence_ = 0;
  std::string hello_;  // of a dialled connection; its first bytes
  GrowingQueue<Outgoing> queue_;
  GrowingQueue<Outgoing> waiting_;  // until it is proven
  std::size_t front_sent_ = 0;      // bytes of the queue's front that have gone
  std::uint64_t queued_bytes_ = 0;
  bool watches_writing_ = false;
  bool is_reading_ = false;
};

}  // namespace weir::taskmanager

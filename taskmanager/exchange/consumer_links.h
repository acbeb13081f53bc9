// The consuming side of a slot's data connections: what it dials, and the channels on it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "taskmanager/exchange/channel.h"
#include "taskmanager/exchange/data_connection.h"
#include "taskmanager/exchange/first_failure.h"
#include "taskmanager/exchange/growing_queue.h"
#include "taskmanager/exchange/host_resolver.h"
#include "taskmanager/exchange/local_channel.h"

namespace weir::taskmanager {

class ConsumerLinks;
class DialledLink;

/// Where a producing slot is reached.
struct ProducerPlace {
  std::string host;
  std::uint16_t port = 0;
  std::uint32_t slot = 0;
  friend bool operator==(const ProducerPlace&, const ProducerPlace&) = default;
};

/// The consumer's end of a channel from another process: holds what has come, at most a window of it, and gives credit
/// back as it is read. Lives on: the consuming slot's thread. Owned by an input gate; the slot's links outlive it.
/// Life cycle: asked for, open, ended or closed.
class RemoteInput final : public InputChannel {
 public:
  /// Where it leads and whom it tells.
  struct Facts {
    ChannelKey key;
    std::string producer_name;  ///< "Map (2/4)"
    RowLayout layout;
    std::uint32_t window = 1;               ///< credit when nothing is on its way
    std::shared_ptr<GateSignals> signals;   ///< of its gate
    std::uint32_t index = 0;                ///< in the gate
    std::shared_ptr<FirstFailure> failure;  ///< of the gate
    std::int64_t deadline_us = 0;           ///< for the connection
  };
  /// Asks the link for the channel.
  RemoteInput(DialledLink& link, Facts facts);
  ~RemoteInput() override;
  RemoteInput(const RemoteInput&) = delete;
  RemoteInput& operator=(const RemoteInput&) = delete;

  // For its task
  bool pop(Element& element) override;
  bool is_connected() const override { return is_open_; }
  ChannelFill fill() const override { return {credit_waiting_, facts_.window}; }

  // For its link
  /// The producer has opened the channel. Errors: corrupt (external), when it is open already.
  Result<void> open();
  /// Rows have come. Takes the block, also with an error. Errors: corrupt (external), beyond the credit.
  Result<void> take(Block* block);
  void take_watermark(std::int64_t ms);
  /// No rows and no watermarks follow. Errors: corrupt (external), when that is known already.
  Result<void> take_end_of_data();
  void take_end_of_partition();
  /// The producer's task has ended before its data. This task then waits until it is cancelled; who failed first is for
  /// the JobManager to say.
  void close(const std::string& text);
  /// The channel cannot go on.
  void fail(const Error& reason);
  bool is_open() const { return is_open_; }
  bool has_data_ended() const { return has_data_ended_; }
  bool has_end_come() const { return has_end_come_; }
  const Facts& facts() const { return facts_; }
  void put_off(std::int64_t by_us) { facts_.deadline_us += by_us; }

 private:
  // Set once
  Facts facts_;
  std::uint32_t channel_;
  // The slot's thread only
  DialledLink* link_;  // null when it is closed
  GrowingQueue<Element> queue_;
  std::uint32_t credit_waiting_ = 0;     // of the blocks in queue_
  std::uint32_t credit_unreturned_ = 0;  // of blocks that have been read
  bool is_open_ = false;
  bool has_data_ended_ = false;
  bool has_end_come_ = false;
};

/// One connection to a producing slot, dialled until it is there, with its channels.
/// Lives on: the slot's thread. Owned by the slot's consumer links.
class DialledLink final : private DataConnectionEvents {
 public:
  DialledLink(ConsumerLinks& links, ProducerPlace place);
  ~DialledLink() override;

  // For its channels
  /// Asks the producer for a channel, as soon as the connection is proven. @return  its number
  std::uint32_t open(RemoteInput& input);
  void grant(std::uint32_t channel, std::uint32_t credit);
  /// The channel is read to its end, or its task has ended before.
  void close(std::uint32_t channel, CloseReason reason);

  // For its owner
  const ProducerPlace& place() const { return place_; }
  bool is_dead() const { return is_dead_; }
  /// Writes what waits. @return  whether anything went
  bool flush();
  /// Dials, and gives channels up whose time is over. @return  whether anything was done
  bool on_time(std::int64_t now_us);
  void put_off(std::int64_t by_us);
  /// When on_time has something to do; INT64_MAX: never.
  std::int64_t next_time_us(std::int64_t now_us) const;

 private:
  void dial();
  void dial_later(std::string problem);
  /// A channel's frame that is neither the first nor after the last. Errors: corrupt (external).
  Result<void> check_order(const RemoteInput& input, const FrameHeader& header) const;

  void on_proven(DataConnection& connection) override;
  BlockTarget block_target(DataConnection& connection, std::uint32_t channel) override;
  Result<void> on_frame(DataConnection& connection, const FrameHeader& header, std::string_view payload) override;
  Result<void> on_block(DataConnection& connection, std::uint32_t channel, Block* block) override;
  void on_ended(DataConnection& connection, const Error& reason) override;

  // Set once
  ConsumerLinks& links_;
  const ProducerPlace place_;
  // The slot's thread only
  std::unique_ptr<DataConnection> connection_;  // null between two dials
  std::shared_ptr<HostLookup> lookup_;
  std::int64_t dial_at_us_ = 0;  // when there is neither connection nor lookup
  std::int64_t backoff_us_ = 0;
  std::size_t dials_ = 0;  // so far: each takes the next of the host's addresses
  std::string last_problem_;
  std::uint32_t next_channel_ = 1;
  std::map<std::uint32_t, RemoteInput*> inputs_;  // by channel
  bool is_dead_ = false;                          // to be removed when nobody is inside it
};

/// Dials for the slot's consuming tasks: one connection per producing slot.
/// Lives on: the slot's thread. Owned by the slot's connections; outlives its channels.
class ConsumerLinks {
 public:
  struct Settings {
    DataConnection::Settings connection;
    std::int64_t connect_timeout_us = 0;  ///< for a channel, from its making to a connection
  };
  ConsumerLinks(Settings settings, Poller& poller, BlockPool& pool, Waker& waker, HostResolver& resolver);
  ~ConsumerLinks();
  ConsumerLinks(const ConsumerLinks&) = delete;
  ConsumerLinks& operator=(const ConsumerLinks&) = delete;

  /// The consumer's end of a channel; dials if the slot has no connection to the producer's slot yet.
  /// @param facts  its deadline is set here
  std::unique_ptr<InputChannel> make_input(RemoteInput::Facts facts, const ProducerPlace& place, std::int64_t now_us);

  bool flush();
  bool on_time(std::int64_t now_us);
  void put_off(std::int64_t by_us);
  std::int64_t next_time_us() const;
  bool is_empty() const { return links_.empty(); }

  // For links
  std::shared_ptr<HostLookup> look_up(const ProducerPlace& place);
  std::unique_ptr<DataConnection> dial(UniqueFd socket, const ProducerPlace& place, DataConnectionEvents& events);
  std::int64_t now_us() const { return now_us_; }
  std::int64_t connect_timeout_us() const { return settings_.connect_timeout_us; }

 private:
  // Set once
  const Settings settings_;
  Poller& poller_;
  BlockPool& pool_;
  Waker& waker_;
  HostResolver& resolver_;
  // The slot's thread only
  std::vector<std::unique_ptr<DialledLink>> links_;
  std::int64_t now_us_ = 0;
};

}  // namespace weir::taskmanager

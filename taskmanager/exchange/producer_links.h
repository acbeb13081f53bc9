// The producing side of a slot's data connections: what consuming slots have dialled, and the channels on it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "taskmanager/exchange/channel.h"
#include "taskmanager/exchange/data_connection.h"
#include "taskmanager/exchange/first_failure.h"

namespace weir::taskmanager {

class AcceptedLink;
class ProducerLinks;

/// The producer's end of a channel to another process: sends as far as the consumer's credit goes.
/// Lives on: the producing slot's thread. Owned by an output partition; the slot's links outlive it.
/// Life cycle: offered, open, closed.
class RemoteOutput final : public OutputChannel {
 public:
  /// Where it comes from and whom it tells.
  struct Facts {
    ChannelKey key;
    std::string consumer_name;              ///< "Map (2/4)"
    std::shared_ptr<FirstFailure> failure;  ///< of its partition
  };
  RemoteOutput(ProducerLinks& links, Facts facts);
  ~RemoteOutput() override;
  RemoteOutput(const RemoteOutput&) = delete;
  RemoteOutput& operator=(const RemoteOutput&) = delete;

  // For its task
  bool push(const Element& element) override;
  bool is_done() const override { return is_done_; }
  bool is_remote() const override { return true; }
  ChannelFill fill() const override {
    return {static_cast<std::uint32_t>(credit_ < window_ ? window_ - credit_ : 0), window_};
  }

  // For its link
  /// The consumer has opened the channel.
  void open(AcceptedLink& link, std::uint32_t channel, std::uint32_t credit);
  /// The consumer has read something.
  void grant(std::uint32_t credit);
  /// The consumer has closed the channel. Given up: the task waits without credit until it is cancelled; who failed
  /// first is for the JobManager to say.
  void close(CloseReason reason);
  /// The link has broken: `how` says why, at `peer`.
  void fail(const Error& how, const std::string& peer);
  const ChannelKey& key() const { return facts_.key; }

 private:
  // Set once
  ProducerLinks& links_;
  const Facts facts_;
  // The slot's thread only
  AcceptedLink* link_ = nullptr;  // null while it is not open
  std::uint32_t channel_ = 0;
  std::uint32_t window_ = 0;  // the credit at the opening
  std::uint64_t credit_ = 0;  // what may be sent
  bool is_done_ = false;
};

/// One connection that a consuming slot has dialled, with its channels.
/// Lives on: the slot's thread. Owned by the slot's producer links.
class AcceptedLink final : private DataConnectionEvents {
 public:
  AcceptedLink(const DataConnection::Settings& settings, UniqueFd socket, Poller& poller, BlockPool& pool,
               ProducerLinks& links, std::int64_t prove_by_us);
  ~AcceptedLink() override;

  // For its channels
  void send(FrameKind kind, std::uint32_t channel, std::string_view payload) {
    connection_->send(kind, channel, payload);
  }
  void send_block(std::uint32_t channel, Block* block) { connection_->send_block(channel, block); }
  /// The channel's task has ended before the channel was closed.
  void give_up(std::uint32_t channel);

  // For its owner
  /// Binds the output to the channel that its consumer has opened already. @return  whether there was one
  bool open_waiting(RemoteOutput& output);
  /// Writes what waits. @return  whether anything went
  bool flush() { return connection_->has_unsent() && connection_->flush(); }
  /// Ends the connection if it should have proved itself by now. @return  whether it did
  bool on_time(std::int64_t now_us);
  void put_off(std::int64_t by_us) { prove_by_us_ += by_us; }
  /// When on_time has something to do; INT64_MAX: never.
  std::int64_t next_time_us() const;
  bool is_unproven() const { return !is_dead_ && !connection_->is_proven(); }
  bool is_dead() const { return is_dead_; }
  std::string peer() const { return connection_->peer(); }

 private:
  /// A channel whose producer is not here yet.
  struct Waiting {
    std::uint32_t channel = 0;
    OpenChannel open;
  };

  Result<void> open_channel(std::uint32_t channel, std::string_view payload);
  void bind(RemoteOutput& output, std::uint32_t channel, std::uint32_t credit);

  void on_proven(DataConnection&) override {}
  BlockTarget block_target(DataConnection&, std::uint32_t) override { return {}; }
  Result<void> on_frame(DataConnection& connection, const FrameHeader& header, std::string_view payload) override;
  Result<void> on_block(DataConnection& connection, std::uint32_t channel, Block* block) override;
  void on_ended(DataConnection& connection, const Error& reason) override;

  // Set once
  ProducerLinks& links_;
  const std::unique_ptr<DataConnection> connection_;
  // The slot's thread only
  std::int64_t prove_by_us_;
  std::uint32_t highest_channel_ = 0;
  std::map<std::uint32_t, RemoteOutput*> outputs_;  // by channel
  std::vector<Waiting> waiting_;
  bool is_dead_ = false;  // to be removed when nobody is inside it
};

/// Takes what consuming slots have dialled and brings their channels together with this slot's producing tasks, in
/// whichever order the two come. Lives on: the slot's thread. Owned by the slot's connections; outlives its channels.
class ProducerLinks {
 public:
  struct Settings {
    DataConnection::Settings connection;
    std::int64_t prove_timeout_us = 0;
    std::size_t unproven_max = 0;
  };
  ProducerLinks(Settings settings, Poller& poller, BlockPool& pool);
  ~ProducerLinks();
  ProducerLinks(const ProducerLinks&) = delete;
  ProducerLinks& operator=(const ProducerLinks&) = delete;

  /// A socket that a consuming slot has dialled, after its hello.
  void accept(UniqueFd socket, std::int64_t now_us);
  /// The producer's end of a channel: opened at once if its consumer has asked for it, else as soon as it does.
  std::unique_ptr<OutputChannel> make_output(RemoteOutput::Facts facts);

  bool flush();
  bool on_time(std::int64_t now_us);
  void put_off(std::int64_t by_us);
  std::int64_t next_time_us() const;
  bool is_empty() const { return links_.empty(); }

  // For links and channels
  /// The output of that key, which is then no longer offered; null when there is none.
  RemoteOutput* take_offered(const ChannelKey& key);
  void withdraw(const RemoteOutput& output);

 private:
  // Set once
  const Settings settings_;
  Poller& poller_;
  BlockPool& pool_;
  // The slot's thread only
  std::vector<std::unique_ptr<AcceptedLink>> links_;
  std::map<ChannelKey, RemoteOutput*> offered_;  // not opened by their consumers yet
};

}  // namespace weir::taskmanager

// All data connections of one slot, and the channels that they carry.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "taskmanager/exchange/data_connection.h"
#include "taskmanager/exchange/host_resolver.h"
#include "taskmanager/exchange/remote_channel.h"

namespace weir::taskmanager {

/// One connection with its channels; of a dialled one also what is needed to dial again.
struct Link {
  std::unique_ptr<DataConnection> connection;  // null between two dials
  bool is_dialled = false;
  bool is_dead = false;  // to be removed when nobody is inside it
  // Dialled
  std::string host;
  std::uint16_t port = 0;
  std::uint32_t slot = 0;
  std::shared_ptr<HostLookup> lookup;
  std::int64_t dial_at_us = 0;  // when there is no connection and no lookup
  std::int64_t backoff_us = 0;
  std::size_t dials = 0;  // so far: each takes the next of the host's addresses
  std::string last_problem;
  std::uint32_t next_channel = 1;
  std::map<std::uint32_t, RemoteInput*> inputs;
  // Accepted
  std::int64_t prove_by_us = 0;
  std::uint32_t highest_channel = 0;
  std::map<std::uint32_t, RemoteOutput*> outputs;
  struct Pending {
    std::uint32_t channel = 0;
    OpenChannel open;
  };
  std::vector<Pending> pending;  // opened by the consumer, whose producer is not here yet
};

/// Dials for the slot's consuming tasks, takes what others dialled for its producing tasks, and brings channels and
/// tasks together in whichever order they come. Lives on: the slot's thread. Owned by the slot's loop; outlives its
/// tasks.
class SlotConnections final : private DataConnectionEvents {
 public:
  struct Settings {
    DataConnection::Settings connection;
    std::int64_t connect_timeout_us =
        30'000'000;  ///< for a consumer, from its deployment to a connection with the producer's worker
    std::int64_t prove_timeout_us = 10'000'000;  ///< for an accepted connection
    std::size_t unproven_max = 256;              ///< accepted connections that have not proved themselves
  };
  SlotConnections(Settings settings, Poller& poller, BlockPool& pool, Waker& waker, HostResolver& resolver);
  ~SlotConnections() override;

  /// A socket that a consuming slot has dialled, after its hello.
  void accept(UniqueFd socket, std::int64_t now_us);

  /// The producer's end of a channel, before its partition is made; `attach` follows.
  std::unique_ptr<RemoteOutput> make_output(ChannelKey key, std::string consumer_name);
  void attach(RemoteOutput& output, OutputPartition& partition);
  /// The consumer's end. `attach` dials if the slot has no connection to the producer's slot yet.
  std::unique_ptr<RemoteInput> make_input(ChannelKey key, std::string producer_name, RowLayout layout,
                                          std::uint32_t window);
  void attach(RemoteInput& input, InputGate& gate, std::uint32_t index, const std::string& host, std::uint16_t port,
              std::uint32_t slot, std::int64_t now_us);

  /// Writes what waits, and removes what is dead. @return  whether anything went
  bool flush();
  /// Dials, gives up, drops. @return  whether anything was done
  bool on_time(std::int64_t now_us);
  /// The loop has slept until now. Time that it neither slept nor came here was user code's, and counts for no
  /// deadline: what the peers have answered meanwhile waits in the sockets.
  void awake(std::int64_t now_us) { last_seen_us_ = now_us; }
  /// When on_time has something to do, if nothing happens before; INT64_MAX: never.
  std::int64_t next_time_us() const;
  bool is_empty() const { return links_.empty(); }

 private:
  friend class RemoteOutput;
  friend class RemoteInput;

  void dial(Link& link);
  void lose(Link& link, const Error& reason);
  void fail(RemoteInput& input, const Error& reason);
  void bind(Link& link, std::uint32_t channel, const OpenChannel& open, RemoteOutput& output);
  Result<void> on_consumer_frame(Link& link, const FrameHeader& header, std::string_view payload);
  Result<void> on_producer_frame(Link& link, const FrameHeader& header, std::string_view payload);
  Result<void> open_channel(Link& link, const FrameHeader& header, std::string_view payload);
  void close_if_unused(Link& link);
  void put_off_deadlines(std::int64_t by_us);

  void on_proven(DataConnection& connection) override;
  BlockTarget block_target(DataConnection& connection, std::uint32_t channel) override;
  Result<void> on_frame(DataConnection& connection, const FrameHeader& header, std::string_view payload) override;
  Result<void> on_block(DataConnection& connection, std::uint32_t channel, Block* block) override;
  void on_ended(DataConnection& connection, const Error& reason) override;

  // Set once
  const Settings settings_;
  Poller& poller_;
  BlockPool& pool_;
  Waker& waker_;
  HostResolver& resolver_;
  // The slot's thread only
  std::vector<std::unique_ptr<Link>> links_;
  std::map<ChannelKey, RemoteOutput*> offered_;  // not opened by their consumers yet
  std::int64_t now_us_ = 0;
  std::int64_t last_seen_us_ = 0;  // when on_time or awake was called last; 0: never
};

}  // namespace weir::taskmanager

// Keeps a connection to one address, dialling again whenever it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/rpc/caller.h"
#include "common/rpc/connection.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "common/rpc/node.h"

namespace weir::rpc {

/// Where to dial. A host name is resolved anew at each dial.
struct Address {
  std::string host;
  std::uint16_t port = 0;
  std::string to_string() const;  ///< "host:port", "[::1]:port"
};

/// What a client tells its owner. Called on the control thread; must not close the client from inside.
struct ClientEvents {
  /// A new peer, or the old one after `lost`.
  std::function<void(const Identity& peer)> connected;
  /// The connection ended, and the same incarnation was back in time: calls in flight failed, nothing else is lost.
  std::function<void(const Identity& peer)> kept;
  /// The peer is gone: its address refused or reset the dial, another incarnation answered, or it was not back within
  /// `keep_time`. The client goes on dialling.
  std::function<void(const Identity& peer, const Error& reason)> lost;
  /// A dial failed while no peer was connected or expected back; for "cannot reach ..., still trying". May be empty.
  std::function<void(const Error& reason, std::uint64_t failures_in_a_row)> dial_failed;
  /// A reply named a later leader epoch than its call. May be empty.
  std::function<void(const Identity& peer, std::uint64_t epoch)> later_epoch;
};

/// A caller that survives the end of its connection.
/// Lives on: the control thread. Owned by the session that talks to the peer; `co_await close()` before its
/// destruction. Also serves `methods` to the peer over the same connection.
class Client final : public Caller {
 public:
  Client(const Node& node, Address address, const MethodTable& methods, ClientEvents events);
  ~Client() override;

  /// Dials from now on.
  void start();
  /// Ends the connection and the dialling; `lost` is not told.
  Async<void> close();

  /// Fails with unavailable at once while there is no connection.
  Async<std::string> call(MethodId method, std::string payload, SteadyTime deadline,
                          std::uint64_t leader_epoch) override;
  /// Waits for a connection. Errors: deadline_exceeded with the reason of the last failed dial.
  Async<Result<void>> wait_connected(SteadyTime deadline);

  bool is_connected() const noexcept;
  /// Drops the connection, as if the network had cut it; it will be dialled again.
  void drop_connection(const std::string& reason);
  const Address& address() const noexcept;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir::rpc

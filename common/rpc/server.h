// Accepts peers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/async/task_scope.h"
#include "common/base/sockets.h"
#include "common/rpc/connection.h"
#include "common/rpc/identity.h"
#include "common/rpc/method_table.h"
#include "common/rpc/node.h"

namespace weir::rpc {

/// What a server tells its owner. Called on the control thread; must not close the server from inside.
struct ServerEvents {
  /// A peer has shaken hands. The connection is valid until `lost` for it has returned.
  std::function<void(Connection&)> connected;
  std::function<void(Connection&, const Error& reason)> lost;
};

/// Listens, shakes hands, serves one method table to everybody who connects.
/// Lives on: the control thread. Owned by the daemon; `co_await close()` before its destruction.
/// Peers that don't shake hands in time, speak another version, belong to another cluster or don't know its secret are
/// refused with one sentence, and a warning is logged.
class Server {
 public:
  Server(const Node& node, const MethodTable& methods, ServerEvents events);
  ~Server();

  /// Accepts from now on.
  void start(ListenSocket listener);
  /// Accepts no more, ends all connections, cancels and awaits all handlers.
  Async<void> close();

  std::uint16_t port() const noexcept;
  std::size_t connections() const noexcept;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir::rpc

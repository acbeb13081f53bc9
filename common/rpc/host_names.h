// Names of machines become addresses, without anybody waiting for a name server longer than wanted.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/async/task.h"

namespace weir::rpc {

/// Looks names up on threads of the C library, so that one slow name holds up no other and no caller's deadline.
/// Lives on: the control thread. Owned by whoever dials; goes when none of its lookups is waited for.
class HostNames {
 public:
  explicit HostNames(Clock& clock);
  ~HostNames();
  HostNames(const HostNames&) = delete;
  HostNames& operator=(const HostNames&) = delete;

  /// A numeric address is returned at once. Can be cancelled: the lookup itself may go on, and its reply is dropped.
  /// @return  at least one address, in the order in which they should be tried
  /// Errors: not_found (external): "cannot resolve the host name ...".
  Async<std::vector<asio::ip::tcp::endpoint>> resolve(std::string host, std::uint16_t port);

  /// Lookups that nobody waits for any more.
  std::size_t abandoned() const noexcept { return abandoned_.size(); }

 private:
  struct Lookup;
  class Asked;
  void abandon(std::unique_ptr<Lookup> lookup);

  Clock& clock_;
  std::vector<std::unique_ptr<Lookup>> abandoned_;  // the C library still writes into them
};

}  // namespace weir::rpc

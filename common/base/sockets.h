// Listening sockets on a host and a range of ports, and connected pairs: what every listener of both daemons needs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/unique_fd.h"
#include "weir/result.h"

namespace weir {

/// The ports first..last, both included; 0..0 leaves the choice to the kernel.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// "0", "6123", "50100-50200" or a list of these with commas.
/// Errors: invalid_argument (user) that says what is wrong with `text`.
Result<std::vector<PortRange>> parse_port_ranges(std::string_view text);

/// A bound TCP socket that listens.
struct ListenSocket {
  UniqueFd fd;             ///< close-on-exec, non-blocking
  std::string address;     ///< the numeric address it is bound to
  std::uint16_t port = 0;  ///< the port it got
};

/// Binds and listens on the first free port of `ports`, in order. Blocks while it resolves `host` (a name, a numeric
/// address, or "0.0.0.0"); for use at start.
/// @param option  name of the configuration option that chose the ports: the error sentence points there
/// Errors: unavailable (external) when every port is taken; invalid_argument (user) when `host` can't be resolved or is
/// no address of this machine; permission_denied (user).
Result<ListenSocket> listen_on(const std::string& host, std::span<const PortRange> ports, std::string_view option);

/// Two connected Unix sockets, close-on-exec: a byte stream, and one that keeps message borders.
/// Errors: io.
Result<std::pair<UniqueFd, UniqueFd>> stream_socket_pair();
Result<std::pair<UniqueFd, UniqueFd>> packet_socket_pair();

}  // namespace weir

// Who speaks at either end of a connection, and the limits that both keep.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/ids.h"

namespace weir::rpc {

/// Spoken in the handshake; peers with another number refuse each other.
inline constexpr std::uint32_t kProtocolVersion = 2;

enum class Role : std::uint8_t { job_manager = 1, task_manager = 2, worker = 3, tool = 4 };
std::string_view role_name(Role role);

/// What a process says about itself in the handshake. After it the cluster's secret has been proved by both sides, so
/// that role, incarnation and name are those of a daemon of this cluster.
struct Identity {
  Role role = Role::tool;
  ClusterId cluster;        ///< none: fits every cluster
  Incarnation incarnation;  ///< new at each start of the process
  std::string name;         ///< for logs: a TaskManager's id, "jobmanager"; at most 255 bytes
};

/// The options `weir.rpc.*`; every queue and wait of a connection has its limit here.
struct Limits {
  std::size_t payload_bytes_max = 64u << 20;   ///< of one frame
  std::size_t queued_bytes_max = 128u << 20;   ///< waiting to be written; beyond it calls fail resource_exhausted
  std::size_t calls_in_flight_max = 10'000;    ///< made by us, per connection
  std::size_t handlers_max = 1'000;            ///< running for the peer, per connection
  std::size_t handler_bytes_max = 256u << 20;  ///< requests of the handlers that run, per connection
  std::size_t connections_max = 4'096;         ///< per server
  std::chrono::milliseconds handshake_timeout{5'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds backoff_min{10};  ///< between two dials
  std::chrono::milliseconds backoff_max{1'000};
  /// A peer that is asked and says nothing for so long is cut off: heartbeat.timeout. The kernel gives up on unanswered
  /// bytes as soon.
  std::chrono::milliseconds silence_max{5'000};
  std::chrono::milliseconds keep_time{500};  ///< a peer whose connection ended may be back within it and is kept
};

/// A quarter more than heartbeat.timeout: a registered peer that stands still is named by its heartbeat first.
std::chrono::milliseconds silence_max(std::chrono::nanoseconds heartbeat_timeout);

}  // namespace weir::rpc

// Options: addresses, ports and listeners of all daemons, REST, RPC and blob transfer.
#pragma once

#include "common/config/option.h"

namespace weir::config {

// JobManager RPC

inline constexpr Option<std::string> kJobManagerRpcAddress{
    {.key = "jobmanager.rpc.address",
     .fallback = "localhost",
     .about = "The host name or address at which TaskManagers and clients reach the JobManager.",
     .flink = "(none)",
     .because = "a cluster on one machine needs no configuration"}};
inline constexpr Option<std::uint16_t> kJobManagerRpcPort{
    {.key = "jobmanager.rpc.port",
     .fallback = "6123",
     .about = "The port at which TaskManagers reach the JobManager. 0 takes any free port."}};
inline constexpr Option<std::uint16_t> kJobManagerRpcBindPort{
    {.key = "jobmanager.rpc.bind-port",
     .about = "The port that the JobManager listens on for RPC, where it differs from the one announced. Not set: "
              "jobmanager.rpc.port."}};
inline constexpr Option<std::string> kJobManagerBindHost{
    {.key = "jobmanager.bind-host",
     .fallback = "localhost",
     .about = "The local address that the JobManager's RPC and blob listeners bind to; 0.0.0.0 for all.",
     .flink = "(none): 0.0.0.0",
     .because = "who reaches the port may run code, so a listener is closed until it is opened"}};

// REST

inline constexpr Option<std::string> kRestAddress{
    {.key = "rest.address",
     .about = "The address at which clients reach the REST API. Not set: jobmanager.rpc.address.",
     .old_keys = {"jobmanager.web.address", "web.address"}}};
inline constexpr Option<std::uint16_t> kRestPort{
    {.key = "rest.port",
     .fallback = "8081",
     .about = "The port at which clients reach the REST API and the dashboard. 0 takes any free port.",
     .old_keys = {"web.port", "jobmanager.web.port"}}};
inline constexpr Option<PortRange> kRestBindPort{
    {.key = "rest.bind-port",
     .about = "The ports that the REST API may listen on; the first free one is taken. Not set: rest.port."}};
inline constexpr Option<std::string> kRestBindAddress{
    {.key = "rest.bind-address",
     .fallback = "localhost",
     .about = "The local address that the REST API binds to; 0.0.0.0 for all.",
     .flink = "(none): rest.address, else 0.0.0.0",
     .because = "who reaches the port may run code, so a listener is closed until it is opened"}};
inline constexpr Option<ByteCount> kRestServerMaxContentLength{
    {.key = "rest.server.max-content-length",
     .fallback = "104857600",
     .about = "The largest upload of a job artefact. Larger ones are answered with 413, and so are other request "
              "bodies above 1 mb.",
     .least = "64 kb",
     .most = "16 gb"}};
inline constexpr Option<int> kRestServerThreads{{.key = "rest.server.numThreads",
                                                 .fallback = "4",
                                                 .about = "Threads that read requests and write answers.",
                                                 .least = "1",
                                                 .most = "256"}};
inline constexpr Option<Duration> kRestConnectionTimeout{{.key = "rest.connection-timeout",
                                                          .fallback = "15 s",
                                                          .about = "How long a client waits for a connection.",
                                                          .least = "1 ms"}};
inline constexpr Option<Duration> kRestIdlenessTimeout{{.key = "rest.idleness-timeout",
                                                        .fallback = "5 min",
                                                        .about = "A connection without traffic for so long is closed.",
                                                        .least = "1 ms"}};
inline constexpr Option<ByteCount> kRestClientMaxContentLength{{.key = "rest.client.max-content-length",
                                                                .fallback = "104857600",
                                                                .about = "The largest answer that a client accepts.",
                                                                .least = "64 kb",
                                                                .most = "16 gb"}};
inline constexpr Option<int> kRestRetryMaxAttempts{
    {.key = "rest.retry.max-attempts",
     .fallback = "20",
     .about =
         "How often a command line that waits for the end of its job asks again when the JobManager does not answer.",
     .least = "0"}};
inline constexpr Option<Duration> kRestRetryDelay{
    {.key = "rest.retry.delay", .fallback = "3 s", .about = "How long it waits before it asks again."}};

// Dashboard and history

inline constexpr Option<Duration> kWebRefreshInterval{{.key = "web.refresh-interval",
                                                       .fallback = "3 s",
                                                       .about = "How often the dashboard asks for news.",
                                                       .least = "100 ms",
                                                       .old_keys = {"jobmanager.web.refresh-interval"}}};
inline constexpr Option<Duration> kWebTimeout{{.key = "web.timeout",
                                               .fallback = "10 min",
                                               .about = "How long a REST handler may work on one request.",
                                               .least = "1 ms"}};
inline constexpr Option<std::string> kWebAccessControlAllowOrigin{
    {.key = "web.access-control-allow-origin",
     .about =
         "The one other origin (http://host:port) whose pages may use the REST API from a browser, or * for all: the "
         "Access-Control-Allow-Origin header of answers. Not set: only pages of the API's own address.",
     .flink = "*",
     .because = "any page that an administrator visits could submit code to a listener on loopback",
     .old_keys = {"jobmanager.web.access-control-allow-origin"}}};
inline constexpr Option<std::string> kWebUploadDirectory{
    {.key = "web.upload.dir",
     .about = "The directory for uploaded job artefacts, which then survive a restart. blob.storage.directory wins. "
              "Not set: one under "
              "io.tmp.dirs that goes with the process.",
     .old_keys = {"jobmanager.web.upload.dir"}}};
inline constexpr Option<bool> kWebSubmitEnable{{.key = "web.submit.enable",
                                                .fallback = "true",
                                                .about = "Whether job artefacts may be uploaded and run over REST.",
                                                .old_keys = {"jobmanager.web.submit.enable"}}};
inline constexpr Option<bool> kWebCancelEnable{
    {.key = "web.cancel.enable", .fallback = "true", .about = "Whether the dashboard offers to cancel jobs."}};
inline constexpr Option<int> kWebExceptionHistorySize{{.key = "web.exception-history-size",
                                                       .fallback = "16",
                                                       .about = "How many failures of a job are remembered.",
                                                       .least = "0",
                                                       .most = "10000"}};

// RPC between the daemons

inline constexpr Option<ByteCount> kRpcMaxFrameBytes{{.key = "weir.rpc.max-frame-bytes",
                                                      .fallback = "64 mb",
                                                      .about = "The largest message between the daemons.",
                                                      .least = "64 kb",
                                                      .most = "1 gb"}};
inline constexpr Option<Duration> kRpcAskTimeout{{.key = "pekko.ask.timeout",
                                                  .fallback = "10 s",
                                                  .about = "The deadline of a call between the daemons.",
                                                  .least = "10 ms",
                                                  .old_keys = {"akka.ask.timeout"}}};
inline constexpr Option<Duration> kRpcReturnTimeout{
    {.key = "weir.rpc.return-timeout",
     .fallback = "500 ms",
     .about =
         "How long a TaskManager whose connection broke, without being refused, may take to return with its slots."}};
inline constexpr Option<Duration> kRpcReconnectBackoffMax{
    {.key = "weir.rpc.reconnect-backoff-max",
     .fallback = "1 s",
     .about = "The longest pause between two tries to reach a peer; pauses begin at 10 ms and double.",
     .least = "10 ms"}};

// Blob server

inline constexpr Option<PortRange> kBlobServerPort{
    {.key = "blob.server.port",
     .fallback = "0",
     .about = "The ports that the blob server may listen on; the first free one is taken. The image sets 6124."}};
inline constexpr Option<std::string> kBlobStorageDirectory{
    {.key = "blob.storage.directory",
     .about = "The directory for job artefacts. Not set: one under io.tmp.dirs that goes with the process."}};
inline constexpr Option<int> kBlobFetchRetries{{.key = "blob.fetch.retries",
                                                .fallback = "5",
                                                .about = "How often a TaskManager tries again to fetch an artefact.",
                                                .least = "0",
                                                .most = "1000"}};
inline constexpr Option<int> kBlobFetchConcurrent{
    {.key = "blob.fetch.num-concurrent",
     .fallback = "50",
     .about = "How many reads of artefacts the blob server serves at once; more wait for their turn.",
     .least = "1",
     .most = "10000"}};
inline constexpr Option<Duration> kBlobClientSocketTimeout{
    {.key = "blob.client.socket.timeout",
     .fallback = "5 min",
     .about = "A read of an artefact that has brought nothing for so long is tried again.",
     .least = "1 ms"}};

// TaskManager listeners

inline constexpr Option<std::string> kTaskManagerHost{
    {.key = "taskmanager.host",
     .about = "The host name or address at which the others reach this TaskManager. Not set: the address from which it "
              "reaches the JobManager."}};
inline constexpr Option<std::string> kTaskManagerBindHost{
    {.key = "taskmanager.bind-host",
     .fallback = "localhost",
     .about = "The local address that the TaskManager's RPC and data listeners bind to; 0.0.0.0 for all.",
     .flink = "(none): 0.0.0.0",
     .because = "who reaches the port may run code, so a listener is closed until it is opened"}};
inline constexpr Option<PortRange> kTaskManagerRpcPort{
    {.key = "taskmanager.rpc.port",
     .fallback = "0",
     .about = "The ports at which the JobManager may reach the TaskManager; the first free one is taken. The image "
              "sets 6122."}};
inline constexpr Option<std::uint16_t> kTaskManagerRpcBindPort{
    {.key = "taskmanager.rpc.bind-port",
     .about = "The port that the TaskManager listens on for RPC, where it differs from the one announced. Not set: "
              "taskmanager.rpc.port."}};
inline constexpr Option<std::uint16_t> kTaskManagerDataPort{
    {.key = "taskmanager.data.port",
     .fallback = "0",
     .about = "The port for records between TaskManagers. 0 takes any free port."}};
inline constexpr Option<PortRange> kTaskManagerDataBindPort{
    {.key = "taskmanager.data.bind-port",
     .about = "The ports that the TaskManager may listen on for records, where they differ from the one announced. Not "
              "set: taskmanager.data.port."}};

// Security

inline constexpr Option<std::string> kSecurityRpcSecretFile{
    {.key = "security.rpc.secret-file",
     .about =
         "The file with the cluster's secret: the daemons of one cluster prove to each other that they know it. It "
         "must "
         "be readable by its owner alone (mode 0600), and the same on all machines. Not set: cluster.secret in the "
         "configuration's folder, which the first daemon to start there makes.",
     .flink = "(no such key)",
     .because = "who reaches an RPC port could run code, read artefacts and logs, and speak for a TaskManager"}};
inline constexpr Option<bool> kSecurityAllowUnauthenticated{
    {.key = "security.allow-unauthenticated",
     .fallback = "false",
     .about =
         "Whether a REST listener that other machines can reach may start without authentication. Who reaches it may "
         "run code as the daemon's user. RPC, blob and data listeners are authenticated always.",
     .flink = "(no such key): true",
     .because = "an open cluster should be a decision that somebody wrote down"}};

}  // namespace weir::config

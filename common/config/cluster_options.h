// Options: heartbeats, slots, memory, workers, planner, directories and logs.
#pragma once

#include "common/config/option.h"

namespace weir::config {

enum class HighAvailability { none };
template <>
struct EnumNames<HighAvailability> {
  static constexpr std::pair<std::string_view, HighAvailability> kAll[] = {{"NONE", HighAvailability::none}};
};

enum class LogLevel { trace, debug, info, warn, error, off };
template <>
struct EnumNames<LogLevel> {
  static constexpr std::pair<std::string_view, LogLevel> kAll[] = {
      {"TRACE", LogLevel::trace}, {"DEBUG", LogLevel::debug}, {"INFO", LogLevel::info}, {"WARN", LogLevel::warn},
      {"ERROR", LogLevel::error}, {"OFF", LogLevel::off},     {"ALL", LogLevel::trace}, {"WARNING", LogLevel::warn},
      {"FATAL", LogLevel::error}, {"NONE", LogLevel::off}};
};

// The cluster

inline constexpr Option<std::string> kClusterId{
    {.key = "cluster.id",
     .fallback = "00000000000000000000000000000000",
     .about =
         "Names the cluster. A daemon refuses a peer of another one, so two clusters cannot mix by a wrong address."}};
inline constexpr Option<HighAvailability> kHighAvailabilityType{
    {.key = "high-availability.type",
     .fallback = "NONE",
     .about = "How a JobManager's successor finds its jobs.",
     .old_keys = {"high-availability", "recovery.mode"}}};
inline constexpr Option<Duration> kHeartbeatInterval{
    {.key = "heartbeat.interval",
     .fallback = "1 s",
     .about = "How often each TaskManager gives the JobManager a sign of life.",
     .flink = "10 s",
     .because = "a heartbeat costs a few bytes, and a hanging peer is found ten times sooner",
     .least = "10 ms"}};
inline constexpr Option<Duration> kHeartbeatTimeout{
    {.key = "heartbeat.timeout",
     .fallback = "5 s",
     .about =
         "A peer that gives no sign of life for so long is lost. A peer that died is noticed at once, without this.",
     .flink = "50 s",
     .because = "no garbage collector stops a daemon for seconds",
     .least = "20 ms"}};
inline constexpr Option<Duration> kServicesShutdownTimeout{
    {.key = "cluster.services.shutdown-timeout",
     .fallback = "3 s",
     .about = "How long a JobManager that was told to stop waits for its TaskManagers to have ended the jobs.",
     .flink = "30 s",
     .because = "what ends does so at once; only a TaskManager that hangs would use up the time"}};
inline constexpr Option<int> kIoPoolSize{{.key = "cluster.io-pool.size",
                                          .fallback = "4",
                                          .about = "Threads for files and child processes in each daemon.",
                                          .flink = "(none): 4 times the cores",
                                          .because = "these threads only wait",
                                          .least = "1",
                                          .most = "256"}};
inline constexpr Option<Duration> kClientTimeout{{.key = "client.timeout",
                                                  .fallback = "1 min",
                                                  .about =
                                                      "How long the command line waits for an answer of the cluster. "
                                                      "For the check of an artefact and the plan of a job it waits as "
                                                      "long as the cluster may take: web.timeout.",
                                                  .least = "1 ms",
                                                  .old_keys = {"akka.client.timeout"}}};

// Slots and tasks

inline constexpr Option<int> kTaskManagerSlots{
    {.key = "taskmanager.numberOfTaskSlots",
     .fallback = "1",
     .about = "How many slots a TaskManager offers. A slot is one thread; one per core is a good start.",
     .least = "1",
     .most = "1024"}};
inline constexpr Option<std::string> kTaskManagerResourceId{
    {.key = "taskmanager.resource-id",
     .about = "The name of this TaskManager in the cluster. Not set: its address and a random part."}};
inline constexpr Option<Duration> kTaskManagerRegistrationTimeout{
    {.key = "taskmanager.registration.timeout",
     .fallback = "5 min",
     .about = "A TaskManager that cannot register at a JobManager for so long ends.",
     .least = "1 ms",
     .old_keys = {"taskmanager.maxRegistrationDuration"}}};
inline constexpr Option<Duration> kSlotRequestTimeout{{.key = "slot.request.timeout",
                                                       .fallback = "5 min",
                                                       .about = "A job that lacks slots for so long fails.",
                                                       .least = "1 ms"}};
inline constexpr Option<Duration> kSlotIdleTimeout{
    {.key = "slot.idle.timeout",
     .fallback = "50 s",
     .about = "How long a running job keeps its slots on a TaskManager on which all of its tasks have finished; then "
              "its worker there ends, "
              "and others may have them.",
     .least = "1 ms"}};
inline constexpr Option<Duration> kTaskCancellationInterval{
    {.key = "task.cancellation.interval",
     .fallback = "30 s",
     .about = "How often a task that does not end after it was cancelled is asked again, which the TaskManager logs "
              "with its name.",
     .least = "1 ms",
     .old_keys = {"task.cancellation-interval"}}};
inline constexpr Option<Duration> kTaskCancellationTimeout{
    {.key = "task.cancellation.timeout",
     .fallback = "3 min",
     .about =
         "A task that has not ended so long after it was cancelled costs its job the worker process on that machine. "
         "0 waits for ever."}};

// Memory

inline constexpr Option<ByteCount> kTaskManagerProcessMemory{
    {.key = "taskmanager.memory.process.size",
     .about =
         "All memory of a TaskManager and its workers. Not set: taskmanager.memory.flink.size, else the limit of the "
         "container, else half of the machine."}};
inline constexpr Option<ByteCount> kTaskManagerFlinkMemory{
    {.key = "taskmanager.memory.flink.size",
     .about = "The same as taskmanager.memory.process.size, which wins: there is no virtual machine beside it."}};
inline constexpr Option<double> kNetworkMemoryFraction{
    {.key = "taskmanager.memory.network.fraction",
     .fallback = "0.1",
     .about = "The part of the memory for blocks that travel between tasks.",
     .least = "0",
     .most = "0.9",
     .old_keys = {"taskmanager.network.memory.fraction"}}};
inline constexpr Option<ByteCount> kNetworkMemoryMin{{.key = "taskmanager.memory.network.min",
                                                      .fallback = "64 mb",
                                                      .about = "At least so much for blocks, whatever the fraction.",
                                                      .least = "1 mb",
                                                      .old_keys = {"taskmanager.network.memory.min"}}};
inline constexpr Option<ByteCount> kNetworkMemoryMax{
    {.key = "taskmanager.memory.network.max",
     .about = "At most so much for blocks, whatever the fraction. Not set: no bound.",
     .least = "1 mb",
     .old_keys = {"taskmanager.network.memory.max"}}};
inline constexpr Option<ByteCount> kMaxRecordBytes{
    {.key = "weir.max-record-bytes",
     .fallback = "16 mb",
     .about =
         "The largest record. One that does not fit a block gets a block of its own; a larger one is a bad record.",
     .least = "4 kb",
     .most = "1 gb"}};
inline constexpr Option<ByteCount> kJobManagerProcessMemory{
    {.key = "jobmanager.memory.process.size",
     .about = "All memory of the JobManager and the planners it starts: a planner gets no more than the JobManager and "
              "jobstore.cache-size "
              "leave for two of them. Not set: weir.planner.memory alone says.",
     .least = "128 mb"}};
inline constexpr Option<Duration> kSlotSpin{
    {.key = "weir.slot.spin",
     .fallback = "20 us",
     .about = "How long a slot without work looks for more before it sleeps. 0 on machines with more slots than cores.",
     .most = "10 ms"}};

// Planner and workers

inline constexpr Option<Duration> kPlannerTimeout{
    {.key = "weir.planner.timeout",
     .fallback = "60 s",
     .about = "How long a job's build function may run when it is submitted.",
     .least = "100 ms"}};
inline constexpr Option<ByteCount> kPlannerMemory{
    {.key = "weir.planner.memory",
     .fallback = "1 gb",
     .about = "The address space that a job's build function may use when it is submitted.",
     .least = "64 mb"}};
inline constexpr Option<Duration> kWorkerStartTimeout{
    {.key = "weir.worker.start-timeout",
     .fallback = "30 s",
     .about = "How long a worker process may take to load its job and rebuild the plan.",
     .least = "100 ms"}};
inline constexpr Option<ByteCount> kWorkerMaxOutputBytes{
    {.key = "weir.worker.max-output-bytes",
     .fallback = "64 mb",
     .about = "How much of what user code prints is kept per worker; the oldest half is dropped first.",
     .least = "64 kb"}};
inline constexpr Option<Map> kWorkerEnvironment{
    {.key = "containerized.taskmanager.env",
     .about = "Environment variables for user code in workers, as containerized.taskmanager.env.NAME: value."}};
inline constexpr Option<Map> kPlannerEnvironment{{.key = "containerized.master.env",
                                                  .about = "Environment variables for a job's build function when it "
                                                           "is submitted, as containerized.master.env.NAME: value."}};

// Directories, logs, finished jobs

inline constexpr Option<std::string> kTemporaryDirectories{
    {.key = "io.tmp.dirs",
     .fallback = "/tmp",
     .about = "Directories for temporary files, separated by commas or colons. The first is used; others are accepted, "
              "as Flink has them.",
     .old_keys = {"taskmanager.tmp.dirs"}}};
inline constexpr Option<std::string> kLogDirectory{
    {.key = "env.log.dir",
     .about = "The directory of the daemons' log files. WEIR_LOG_DIR wins. Not set: log beside bin."}};
inline constexpr Option<LogLevel> kLogLevel{
    {.key = "env.log.level", .fallback = "INFO", .about = "Lines below this level are not logged."}};
inline constexpr Option<int> kLogFilesKept{{.key = "env.log.max",
                                            .fallback = "10",
                                            .about = "How many old log files are kept beside the current one.",
                                            .least = "0",
                                            .most = "1000"}};
inline constexpr Option<ByteCount> kLogFileBytesMax{{.key = "weir.log.max-file-bytes",
                                                     .fallback = "100 mb",
                                                     .about = "A log file is rotated before it grows beyond this.",
                                                     .least = "64 kb"}};
inline constexpr Option<std::string> kPidDirectory{
    {.key = "env.pid.dir",
     .fallback = "/tmp",
     .about = "Where the start scripts remember the processes they started. WEIR_PID_DIR wins."}};
inline constexpr Option<ByteCount> kJobStoreCacheSize{
    {.key = "jobstore.cache-size",
     .fallback = "52428800",
     .about = "How much memory finished jobs may take in the JobManager.",
     .least = "0"}};
inline constexpr Option<int> kJobStoreExpirationSeconds{{.key = "jobstore.expiration-time",
                                                         .fallback = "3600",
                                                         .about = "How long a finished job is remembered, in seconds.",
                                                         .least = "0"}};
inline constexpr Option<int> kJobStoreMaxCapacity{
    {.key = "jobstore.max-capacity",
     .about = "How many finished jobs are remembered. Not set: as many as fit.",
     .least = "0"}};

}  // namespace weir::config

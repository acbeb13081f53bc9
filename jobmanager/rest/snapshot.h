// What the REST API shows, as plain values: copied out of the JobManager's control thread, read on REST threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"

namespace weir::jobmanager::rest {

/// Milliseconds since 1970-01-01 UTC; -1 where it has not happened yet.
using Timestamp = std::int64_t;
inline constexpr Timestamp kNever = -1;

/// States of a job as Flink names them.
enum class JobStatus {
  initializing,
  created,
  running,
  failing,
  failed,
  cancelling,
  canceled,
  finished,
  restarting,
  suspended,
  reconciling
};
inline constexpr std::size_t kJobStatuses = 11;
std::string_view name_of(JobStatus status);  ///< "RUNNING"
/// Failed, canceled or finished: nothing changes any more.
bool is_over(JobStatus status);

/// States of a task as Flink names them.
enum class TaskStatus {
  created,
  scheduled,
  deploying,
  initializing,
  running,
  finished,
  canceling,
  canceled,
  failed,
  reconciling
};
inline constexpr std::size_t kTaskStatuses = 10;
std::string_view name_of(TaskStatus status);
bool is_over(TaskStatus status);

/// When a thing entered each of its states, by the state's number; 0 where it never did.
using JobTimestamps = std::array<Timestamp, kJobStatuses>;
using TaskTimestamps = std::array<Timestamp, kTaskStatuses>;

struct ClusterOverview {
  int task_managers = 0;
  int slots_total = 0;
  int slots_available = 0;
  int jobs_running = 0;  ///< every job that has not ended
  int jobs_finished = 0;
  int jobs_cancelled = 0;
  int jobs_failed = 0;
};

/// What a task, or several together, have done.
struct TaskCounters {
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t blocks_in = 0;
  std::uint64_t blocks_out = 0;
  std::uint64_t input_queued = 0;  ///< blocks that wait in the incoming channels, of input_window at most
  std::uint64_t input_window = 0;
  std::uint64_t output_queued = 0;  ///< blocks in the outgoing channels, of output_window at most
  std::uint64_t output_window = 0;
  std::uint64_t busy_ms = 0;
  std::uint64_t idle_ms = 0;
  std::uint64_t backpressured_ms = 0;
  bool complete = true;                       ///< the numbers have been heard of, or nothing more will be
  std::map<std::string, std::uint64_t> user;  ///< by "<operator>.<name>"
  std::map<std::string, double> gauges;       ///< by "<operator>.<name>"; of one task, sums say nothing
};

/// What a task did per second, between its last two reports.
struct TaskRates {
  double records_in = 0;
  double records_out = 0;
  double bytes_in = 0;
  double bytes_out = 0;
  double blocks_in = 0;
  double blocks_out = 0;
  double busy_ms = 0;
  double idle_ms = 0;
  double backpressured_ms = 0;
};

/// The current attempt at one task.
struct SubtaskDetails {
  int subtask = 0;
  int attempt = 0;
  TaskStatus status = TaskStatus::created;
  TaskTimestamps entered{};
  std::string host;  ///< empty while the task has no slot
  int data_port = 0;
  std::string task_manager_id;  ///< empty while the task has no slot
  TaskCounters counters;
  TaskRates rates;  ///< all 0 unless it runs and has reported twice
};

struct VertexDetails {
  VertexId id;
  std::string name;                ///< "Source: lines -> Map -> Sink: out"
  std::string slot_sharing_group;  ///< its name: "default"
  int max_parallelism = 0;
  std::vector<SubtaskDetails> subtasks;  ///< in order; as many as the parallelism
};

/// One failure, with those that followed from it or came beside it.
struct ExceptionEntry {
  std::string exception;    ///< type name, or what happened: "worker killed by signal 11 (SIGSEGV)"
  std::string stack_trace;  ///< begins with exception and message, then places
  Timestamp timestamp = 0;
  std::string task_name;  ///< "Map (1/2) - execution #0"; empty where no task is to blame
  std::string endpoint;   ///< "host:dataport"; empty with it
  std::string task_manager_id;
  std::vector<ExceptionEntry> concurrent;
};

/// A job in a list.
struct JobSummary {
  JobId id;
  std::string name;
  JobStatus status = JobStatus::initializing;
  Timestamp start = 0;
  Timestamp end = kNever;
  Timestamp last_modification = 0;
  std::array<int, kTaskStatuses> tasks{};  ///< how many tasks are in each status
};

/// Everything about one job.
struct JobDetails {
  JobId id;
  std::string name;
  JobStatus status = JobStatus::initializing;
  Timestamp start = 0;  ///< of the submission
  Timestamp end = kNever;
  JobTimestamps entered{};
  std::string plan_json;                   ///< an object, from plan::plan_json
  std::vector<VertexDetails> vertices;     ///< upstream before downstream
  std::vector<ExceptionEntry> exceptions;  ///< the newest first; front() is the root cause of a failed job
  std::string restart_strategy;            ///< in words, for /jobs/:id/config
  int parallelism = 1;                     ///< default of the job
  bool is_batch = false;                   ///< execution.runtime-mode, as it was resolved
  std::map<std::string, std::string> user_configuration;  ///< pipeline.global-job-parameters; secrets redacted
};

struct MemoryAmounts {
  std::uint64_t process_bytes = 0;
  std::uint64_t network_bytes = 0;
  std::uint64_t managed_bytes = 0;
  std::uint64_t user_bytes = 0;  ///< what user code may take
};

struct TaskManagerDetails {
  std::string id;
  std::string host;
  int rpc_port = 0;
  int data_port = 0;
  Timestamp last_heartbeat = 0;
  int slots = 0;
  int free_slots = 0;
  int cpu_cores = 0;
  std::uint64_t physical_memory_bytes = 0;
  std::uint64_t resident_bytes = 0;  ///< of the daemon and its workers, from its last heartbeat
  MemoryAmounts memory;
  std::vector<JobId> allocated;  ///< one per slot in use
};

struct LogFile {
  std::string name;
  std::uint64_t bytes = 0;
  Timestamp modified = 0;
};

/// Which file of a TaskManager: its log, its standard output (with that of its workers), or one by its listed name.
struct LogChoice {
  enum class Kind { log, standard_output, named };
  Kind kind = Kind::log;
  std::string name;
};

struct LogPiece {
  std::string content;           ///< empty at the end of the file
  std::uint64_t file_bytes = 0;  ///< the size at this moment
};

/// An uploaded artefact.
struct JarEntry {
  struct Job {
    std::string name;
    std::string description;  ///< empty when there is none
  };
  std::string id;    ///< "<uuid>_<sanitised name>"
  std::string name;  ///< sanitised
  Timestamp uploaded = 0;
  std::vector<Job> jobs;
};

/// What to plan or run, and with what.
struct RunRequest {
  std::string jar_id;
  std::string entry;  ///< empty: the only one, or the manifest's
  std::vector<std::string> arguments;
  int parallelism = 0;  ///< 0: not given
  std::map<std::string, std::string> configuration;
  JobId job_id;  ///< none: the JobManager chooses
};

}  // namespace weir::jobmanager::rest

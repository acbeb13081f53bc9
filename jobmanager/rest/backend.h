// What the REST API asks of the rest of the JobManager: three interfaces, one for each kind of thing. What is handed
// over is immutable, so that REST threads can read it while the control thread goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"
#include "common/http/message.h"
#include "jobmanager/model/cluster_overview.h"
#include "jobmanager/model/jar_details.h"
#include "jobmanager/model/job_details.h"
#include "jobmanager/model/task_manager.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

template <class T>
using Shared = std::shared_ptr<const T>;  ///< never null

/// Takes the outcome of a question. It is called exactly once, on any thread, from within the question or later; it
/// must not block, compute much, or throw. An Error becomes an HTTP status by its code: invalid_argument 400,
/// not_found 404, failed_precondition and already_exists 409, unavailable 503, deadline_exceeded 408,
/// resource_exhausted 413, others 500. Its message is what people read.
template <class T>
using Reply = std::function<void(Result<T>)>;

struct LogFile {
  std::string name;
  std::uint64_t bytes = 0;
  WallTime modified{};
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

/// The cluster and its TaskManagers. Called on REST threads, several at once.
class ClusterBackend {
 public:
  virtual ~ClusterBackend() = default;
  virtual void overview(Reply<Shared<ClusterOverview>> reply) = 0;
  /// In order of registration.
  virtual void task_managers(Reply<Shared<std::vector<TaskManagerDetails>>> reply) = 0;
  /// Errors: not_found for a TaskManager that is not registered; those of its gateway.
  virtual void list_logs(std::string task_manager_id, Reply<std::vector<LogFile>> reply) = 0;
  /// A piece of a file, at most 1 MiB. Errors: as list_logs; not_found for the file.
  virtual void read_log(std::string task_manager_id, LogChoice choice, std::uint64_t offset, Reply<LogPiece> reply) = 0;
  /// Ends the JobManager in order; replies before.
  virtual void shut_down(Reply<void> reply) = 0;
};

/// Jobs, running and ended. Called on REST threads, several at once.
class JobBackend {
 public:
  virtual ~JobBackend() = default;
  virtual void jobs(Reply<Shared<JobList>> reply) = 0;
  /// Details of every job, in no order.
  virtual void all_details(Reply<std::vector<Shared<JobDetails>>> reply) = 0;
  /// Errors: not_found.
  virtual void details(JobId id, Reply<Shared<JobDetails>> reply) = 0;
  /// Begins to cancel; replies when that is noted. A job that is cancelling or canceled already is no error.
  /// Errors: not_found; failed_precondition for a job that finished or failed.
  virtual void cancel(JobId id, Reply<void> reply) = 0;
};

/// Uploaded artefacts and what is started from them. Called on REST threads, several at once.
class JarBackend {
 public:
  virtual ~JarBackend() = default;
  /// The newest first.
  virtual void jars(Reply<Shared<std::vector<JarDetails>>> reply) = 0;
  /// Checks and stores an upload; replies with its jar id.
  /// @param client_name  as the client wrote it: make it safe with http::safe_file_name
  /// Errors: invalid_argument for what is no job library, bundle or script, with the reason.
  virtual void add(http::SpooledFile file, std::string client_name, Reply<std::string> reply) = 0;
  /// Errors: not_found. Jobs that run from it go on.
  virtual void remove(std::string jar_id, Reply<void> reply) = 0;
  /// The job that run() would start.
  /// Errors: not_found for the jar; invalid_argument for an unknown entry (lists the known ones), a failing planner, a
  /// bad option.
  virtual void plan(RunRequest request, Reply<PlannedJob> reply) = 0;
  /// Replies when the job is accepted. Errors: as plan(); already_exists for a job id that is taken.
  virtual void run(RunRequest request, Reply<StartedJob> reply) = 0;
};

}  // namespace weir::jobmanager::rest

// What the REST API asks of the rest of the JobManager. Three narrow doors; the JobManager's control thread stands
// behind them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/http/message.h"
#include "jobmanager/rest/snapshot.h"
#include "weir/result.h"

namespace weir::jobmanager::rest {

/// Takes the outcome of a question: called exactly once, on any thread, from within the question or later. It must not
/// block. An Error becomes an HTTP status by its code: invalid_argument 400, not_found 404, failed_precondition and
/// already_exists 409, unavailable 503, deadline_exceeded 408, resource_exhausted 413, others 500; its message is what
/// people read.
template <class T>
using Answer = std::function<void(Result<T>)>;

/// The cluster and its TaskManagers. Called on REST threads, several at once.
class ClusterBackend {
 public:
  virtual ~ClusterBackend() = default;
  virtual void overview(Answer<ClusterOverview> answer) = 0;
  virtual void task_managers(Answer<std::vector<TaskManagerDetails>> answer) = 0;
  /// Errors: not_found for a TaskManager that is not registered; what its gateway says.
  virtual void list_logs(std::string task_manager_id, Answer<std::vector<LogFile>> answer) = 0;
  /// A piece of a file, at most 1 MiB. Errors: as list_logs; not_found for the file.
  virtual void read_log(std::string task_manager_id, LogChoice choice, std::uint64_t offset,
                        Answer<LogPiece> answer) = 0;
  /// Ends the JobManager in order; answers before.
  virtual void shut_down(Answer<void> answer) = 0;
};

/// Jobs, running and ended. Called on REST threads, several at once.
class JobBackend {
 public:
  virtual ~JobBackend() = default;
  /// In order of submission.
  virtual void jobs(Answer<std::vector<JobSummary>> answer) = 0;
  /// Errors: not_found.
  virtual void job(JobId id, Answer<JobDetails> answer) = 0;
  /// Begins to cancel; answers when that is noted. A job that is cancelling or canceled already is no error.
  /// Errors: not_found; failed_precondition for a job that finished or failed.
  virtual void cancel(JobId id, Answer<void> answer) = 0;
};

/// Uploaded artefacts and what is started from them. Called on REST threads, several at once.
class JarBackend {
 public:
  virtual ~JarBackend() = default;
  /// The newest first.
  virtual void jars(Answer<std::vector<JarEntry>> answer) = 0;
  /// Checks and stores an upload. Answers its jar id.
  /// @param client_name  as the client wrote it: make it safe with http::safe_file_name
  /// Errors: invalid_argument for what is no job library, bundle or script, with the reason.
  virtual void add(http::SpooledFile file, std::string client_name, Answer<std::string> answer) = 0;
  /// Errors: not_found. Jobs that run from it go on.
  virtual void remove(std::string jar_id, Answer<void> answer) = 0;
  /// The plan object as JSON, of the job graph that run() would make.
  /// Errors: not_found for the jar; invalid_argument for an unknown entry (lists the known ones), a failing planner, a
  /// bad option.
  virtual void plan(RunRequest request, Answer<std::string> answer) = 0;
  /// Answers when the job is accepted. Errors: as plan(); already_exists for a job id that is taken.
  virtual void run(RunRequest request, Answer<JobId> answer) = 0;
};

}  // namespace weir::jobmanager::rest

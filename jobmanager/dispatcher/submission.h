// From an uploaded artefact to a running job.
#pragma once

#include <map>
#include <string>

#include "common/async/executor.h"
#include "common/async/task.h"
#include "common/base/ids.h"
#include "common/config/configuration.h"
#include "common/config/layers.h"
#include "jobmanager/blob/blob_store.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/job/job.h"
#include "jobmanager/model/jar_details.h"
#include "jobmanager/planner/plan_process.h"
#include "jobmanager/planner/planner_stop.h"
#include "weir/result.h"

namespace weir::jobmanager {

struct SubmissionOptions {
  config::Configuration job_defaults;                      ///< job keys of the JobManager's own configuration
  std::string planner;                                     ///< path of `weir`
  std::string home;                                        ///< WEIR_HOME
  std::map<std::string, std::string> planner_environment;  ///< containerized.master.env.*
  PlannerLimits limits;
};

/// Plans and starts jobs.
/// Lives on: the control thread; planners run on a pool of their own, so that they don't keep files waiting. Owned by
/// the daemon.
class Submission {
 public:
  Submission(BlobStore& blobs, Dispatcher& dispatcher, BlockingPool& planners, SubmissionOptions options);

  /// What `run` would start, without starting it.
  /// Errors: not_found (jar, entry); invalid_argument (option, what the planner or the graph says).
  Async<SubmittedJob> plan(RunRequest request);
  /// Errors: as plan; already_exists.
  Async<StartedJob> run(RunRequest request);
  /// Ends the planners at work; plan and run answer unavailable from here on.
  void stop() { stop_.stop(); }

 private:
  Result<config::Loaded> layered(const RunRequest& request) const;

  BlobStore& blobs_;
  Dispatcher& dispatcher_;
  BlockingPool& planners_;
  const SubmissionOptions options_;
  PlannerStop stop_;
};

}  // namespace weir::jobmanager

// Uploaded artefacts as clients see them, and what a client asks of one. Pure values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/async/clock.h"
#include "common/base/ids.h"

namespace weir::jobmanager {

/// A job that a library holds.
struct JobEntry {
  std::string name;
  std::string description;  ///< empty when there is none
};

/// An upload, called a jar as in Flink.
struct JarDetails {
  std::string id;    ///< "<uuid>_<safe name>"
  std::string name;  ///< safe
  WallTime uploaded{};
  std::vector<JobEntry> jobs;
};

/// What to plan or run, and with what.
struct RunRequest {
  std::string jar_id;
  std::string entry;  ///< empty: the only one, or the manifest's
  std::vector<std::string> arguments;
  int parallelism = 0;  ///< 0: not given
  std::map<std::string, std::string> configuration;
  JobId job_id;                       ///< none: the JobManager chooses
  std::vector<std::string> warnings;  ///< what the request says that has no effect; a sentence each
};

/// What a planned job would be.
struct PlannedJob {
  std::string plan_json;              ///< an object, from plan::plan_json
  std::vector<std::string> warnings;  ///< those of the request, its configuration and its plan
};

/// A job that was accepted.
struct StartedJob {
  JobId id;
  std::vector<std::string> warnings;  ///< as PlannedJob::warnings
};

}  // namespace weir::jobmanager

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/clock.h"
#include "jobmanager/rest/backend.h"
#include "jobmanager/rest/origin_guard.h"

namespace weir::jobmanager::rest {

/// What the REST API knows of itself and its daemon, set once at start. Lives on: any thread (a value).
struct RestSettings {
  std::string weir_version;
  std::string revision;  ///< commit that was built and its time: "0980485 @ 2026-06-08T09:21:06+02:00"
  std::int64_t refresh_interval_ms = 3000;       ///< web.refresh-interval
  std::uint64_t upload_bytes_max = 104'857'600;  ///< rest.server.max-content-length
  bool submit_enabled = true;                    ///< web.submit.enable
  bool cancel_enabled = true;                    ///< web.cancel.enable
  std::string address;           ///< "http://host:port", shown by GET /jars to a client that names no host
  std::string upload_directory;  ///< web.upload.dir; only its name is shown
  std::vector<std::pair<std::string, std::string>> configuration;  ///< of the JobManager, secrets redacted
  std::string log_directory;                                       ///< may be empty: no log files
  std::string log_file;                                            ///< path of the JobManager's log; may be empty
  std::string stdout_file;                                         ///< may be empty
  std::vector<std::string> program_options;                        ///< the command line, for /jobmanager/environment
  std::string architecture = "amd64";
  OriginPolicy origins;
};

/// Everything a handler needs. Set once; outlives the server.
struct RestServices {
  ClusterBackend& cluster;
  JobBackend& jobs;
  JarBackend& jars;
  RestSettings settings;
  std::function<WallTime()> now;  ///< wall clock; any thread
};

}  // namespace weir::jobmanager::rest

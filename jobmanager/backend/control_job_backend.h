// Jobs, for the REST API.
#pragma once

#include <vector>

#include "common/async/task.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/rest/backend.h"

namespace weir::jobmanager {

/// Puts each question to the control thread and hands an immutable value back, which is made once per change of a job.
/// Called on REST threads. Owned by the daemon; outlives the HTTP server.
class ControlJobBackend final : public rest::JobBackend {
 public:
  ControlJobBackend(asio::any_io_executor control, Dispatcher& dispatcher)
      : control_(std::move(control)), dispatcher_(dispatcher) {}

  void jobs(rest::Reply<rest::Shared<JobList>> reply) override;
  void all_details(rest::Reply<std::vector<rest::Shared<JobDetails>>> reply) override;
  void details(JobId id, rest::Reply<rest::Shared<JobDetails>> reply) override;
  void cancel(JobId id, rest::Reply<void> reply) override;

 private:
  // Set once
  asio::any_io_executor control_;
  Dispatcher& dispatcher_;
};

}  // namespace weir::jobmanager

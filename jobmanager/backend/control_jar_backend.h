// Uploaded artefacts and submissions, for the REST API.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "jobmanager/blob/artefact_sweeper.h"
#include "jobmanager/blob/blob_store.h"
#include "jobmanager/dispatcher/submission.h"
#include "jobmanager/rest/backend.h"

namespace weir::jobmanager {

/// Puts each question to the control thread.
/// Its functions are called on REST threads; everything else of it lives on the control thread. Owned by the daemon;
/// outlives the HTTP server.
class ControlJarBackend final : public rest::JarBackend {
 public:
  ControlJarBackend(asio::any_io_executor control, BlobStore& blobs, ArtefactSweeper& sweeper, Submission& submission);

  /// Drops questions that are being worked at. After the HTTP server has stopped.
  Async<void> close() { return scope_.close(); }

  void jars(rest::Reply<rest::Shared<std::vector<JarDetails>>> reply) override;
  void add(http::SpooledFile file, std::string client_name, rest::Reply<std::string> reply) override;
  void remove(std::string jar_id, rest::Reply<void> reply) override;
  void plan(RunRequest request, rest::Reply<PlannedJob> reply) override;
  void run(RunRequest request, rest::Reply<StartedJob> reply) override;

 private:
  rest::Shared<std::vector<JarDetails>> jars_now() const;
  Async<std::string> add_file(std::shared_ptr<http::SpooledFile> file, std::string client_name);
  Async<Result<void>> remove_jar(std::string jar_id);
  Async<PlannedJob> plan_job(RunRequest request);

  // Set once
  asio::any_io_executor control_;
  BlobStore& blobs_;
  ArtefactSweeper& sweeper_;
  Submission& submission_;
  // Control thread only
  TaskScope scope_;
};

}  // namespace weir::jobmanager

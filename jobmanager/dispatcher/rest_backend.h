// What stands behind the REST API's doors: questions from REST threads, answered by the control thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/task_scope.h"
#include "jobmanager/blob/blob_store.h"
#include "jobmanager/cluster/slot_pool.h"
#include "jobmanager/cluster/task_manager_registry.h"
#include "jobmanager/dispatcher/dispatcher.h"
#include "jobmanager/dispatcher/submission.h"
#include "jobmanager/rest/backend.h"

namespace weir::jobmanager {

/// Posts each question to the control thread, copies the answer out.
/// Called on REST threads; everything else of it lives on the control thread. Owned by the daemon; outlives the HTTP
/// server.
class RestBackend final : public rest::ClusterBackend, public rest::JobBackend, public rest::JarBackend {
 public:
  /// @param shut_down   ends the daemon in order; called on the control thread
  RestBackend(asio::any_io_executor control, Clock& clock, Dispatcher& dispatcher, TaskManagerRegistry& task_managers,
              SlotPool& slots, BlobStore& blobs, Submission& submission, std::function<void()> shut_down);

  /// Drops questions that are being worked at. After the HTTP server has stopped.
  Async<void> close();

  // ClusterBackend
  void overview(rest::Answer<rest::ClusterOverview> answer) override;
  void task_managers(rest::Answer<std::vector<rest::TaskManagerDetails>> answer) override;
  void list_logs(std::string task_manager_id, rest::Answer<std::vector<rest::LogFile>> answer) override;
  void read_log(std::string task_manager_id, rest::LogChoice choice, std::uint64_t offset,
                rest::Answer<rest::LogPiece> answer) override;
  void shut_down(rest::Answer<void> answer) override;

  // JobBackend
  void jobs(rest::Answer<std::vector<rest::JobSummary>> answer) override;
  void job(JobId id, rest::Answer<rest::JobDetails> answer) override;
  void cancel(JobId id, rest::Answer<void> answer) override;

  // JarBackend
  void jars(rest::Answer<std::vector<rest::JarEntry>> answer) override;
  void add(http::SpooledFile file, std::string client_name, rest::Answer<std::string> answer) override;
  void remove(std::string jar_id, rest::Answer<void> answer) override;
  void plan(rest::RunRequest request, rest::Answer<std::string> answer) override;
  void run(rest::RunRequest request, rest::Answer<JobId> answer) override;

 private:
  rest::ClusterOverview overview_now() const;
  std::vector<rest::TaskManagerDetails> task_managers_now() const;
  std::vector<rest::JarEntry> jars_now() const;
  Async<void> answer_list_logs(std::string id, rest::Answer<std::vector<rest::LogFile>> answer);
  Async<void> answer_read_log(std::string id, rest::LogChoice choice, std::uint64_t offset,
                              rest::Answer<rest::LogPiece> answer);
  Async<void> answer_add(std::shared_ptr<http::SpooledFile> file, std::string client_name,
                         rest::Answer<std::string> answer);
  Async<void> answer_remove(std::string jar_id, rest::Answer<void> answer);
  Async<void> sweep_artefacts();
  Async<void> answer_plan(rest::RunRequest request, rest::Answer<std::string> answer);
  Async<void> answer_run(rest::RunRequest request, rest::Answer<JobId> answer);
  Result<std::shared_ptr<TaskManagerLink>> link_to(const std::string& id) const;

  // Set once
  asio::any_io_executor control_;
  Clock& clock_;
  Dispatcher& dispatcher_;
  TaskManagerRegistry& registry_;
  SlotPool& slots_;
  BlobStore& blobs_;
  Submission& submission_;
  std::function<void()> shut_down_;
  // Control thread only
  TaskScope scope_;
};

}  // namespace weir::jobmanager

// A cluster with one running job, one failed job and one TaskManager, behind the doors of the REST API.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jobmanager/rest/backend.h"
#include "jobmanager/rest/services.h"

namespace weir::jobmanager::rest {

inline const std::string kRunningJob = "66b3f83b6f33a2f7649e460badd32e62";
inline const std::string kFailedJob = "00ff94075c0e8320cf904d54ae13f447";
inline const std::string kVertex = "bc764cd8ddf7a0cff126f51c16239658";
inline constexpr std::int64_t kNow = 1'800'000'010'000;  ///< in milliseconds
/// Milliseconds before kNow.
inline WallTime before(std::int64_t ms) { return WallTime(std::chrono::milliseconds(kNow - ms)); }

class FakeBackend : public ClusterBackend, public JobBackend, public JarBackend {
 public:
  FakeBackend();

  void overview(Reply<Shared<ClusterOverview>> reply) override;
  void task_managers(Reply<Shared<std::vector<TaskManagerDetails>>> reply) override;
  void list_logs(std::string task_manager_id, Reply<std::vector<LogFile>> reply) override;
  void read_log(std::string task_manager_id, LogChoice choice, std::uint64_t offset, Reply<LogPiece> reply) override;
  void shut_down(Reply<void> reply) override;

  void jobs(Reply<Shared<JobList>> reply) override;
  void all_details(Reply<std::vector<Shared<JobDetails>>> reply) override;
  void details(JobId id, Reply<Shared<JobDetails>> reply) override;
  void cancel(JobId id, Reply<void> reply) override;

  void jars(Reply<Shared<std::vector<JarDetails>>> reply) override;
  void add(http::SpooledFile file, std::string client_name, Reply<std::string> reply) override;
  void remove(std::string jar_id, Reply<void> reply) override;
  void plan(RunRequest request, Reply<PlannedJob> reply) override;
  void run(RunRequest request, Reply<StartedJob> reply) override;

  RestServices services(RestSettings settings);

  std::vector<Shared<JobDetails>> known_jobs;
  std::map<std::string, std::string> task_manager_files;  // name -> content; "log" and "stdout" for those
  std::vector<std::string> cancelled;
  std::vector<std::string> uploads;  // client names
  std::optional<RunRequest> ran;
  std::optional<Error> run_error;
  bool ended = false;

 private:
  std::shared_ptr<JobList> list_ = std::make_shared<JobList>();
  std::vector<TaskManagerDetails> task_managers_;
};

}  // namespace weir::jobmanager::rest

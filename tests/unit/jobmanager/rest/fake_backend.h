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
inline constexpr Timestamp kNow = 1'800'000'010'000;

class FakeBackend : public ClusterBackend, public JobBackend, public JarBackend {
 public:
  FakeBackend();

  void overview(Answer<ClusterOverview> answer) override { answer(cluster_); }
  void task_managers(Answer<std::vector<TaskManagerDetails>> answer) override { answer(task_managers_); }
  void list_logs(std::string task_manager_id, Answer<std::vector<LogFile>> answer) override;
  void read_log(std::string task_manager_id, LogChoice choice, std::uint64_t offset, Answer<LogPiece> answer) override;
  void shut_down(Answer<void> answer) override;

  void jobs(Answer<std::vector<JobSummary>> answer) override;
  void job(JobId id, Answer<JobDetails> answer) override;
  void cancel(JobId id, Answer<void> answer) override;

  void jars(Answer<std::vector<JarEntry>> answer) override;
  void add(http::SpooledFile file, std::string client_name, Answer<std::string> answer) override;
  void remove(std::string jar_id, Answer<void> answer) override;
  void plan(RunRequest request, Answer<std::string> answer) override;
  void run(RunRequest request, Answer<JobId> answer) override;

  RestServices services(RestSettings settings);

  std::vector<JobDetails> details;
  std::map<std::string, std::string> task_manager_files;  // name -> content; "log" and "stdout" for those
  std::vector<std::string> cancelled;
  std::vector<std::string> uploads;  // client names
  std::optional<RunRequest> ran;
  std::optional<Error> run_error;
  bool ended = false;

 private:
  ClusterOverview cluster_;
  std::vector<TaskManagerDetails> task_managers_;
};

}  // namespace weir::jobmanager::rest

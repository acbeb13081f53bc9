#include "tests/unit/jobmanager/rest/fake_backend.h"

#include <algorithm>

namespace weir::jobmanager::rest {

namespace {

const std::string kJar = "b5f2c2f7-4360-4a8e-a3b2-0a96fe37d521_job.so";
const std::string kPlan =
    R"({"jid":"66b3f83b6f33a2f7649e460badd32e62","name":"beat","type":"STREAMING","nodes":[)"
    R"({"id":"20ba6b65f97481d5570070de90e4e791","parallelism":2,"operator":"","operator_strategy":"",)"
    R"("description":"Count<br/>",)"
    R"("inputs":[{"num":0,"id":"bc764cd8ddf7a0cff126f51c16239658","ship_strategy":"HASH",)"
    R"("exchange":"pipelined_bounded"}],)"
    R"("optimizer_properties":{}}]})";

const std::string kTaskManager = "localhost:33971-09627f";

SubtaskDetails subtask(std::uint32_t index, TaskStatus status) {
  SubtaskDetails details;
  details.subtask = index;
  details.status = status;
  for (TaskStatus passed : {TaskStatus::created, TaskStatus::scheduled, TaskStatus::deploying, TaskStatus::initializing,
                            TaskStatus::running}) {
    details.entered[static_cast<std::size_t>(passed)] = before(5000 - 100 * static_cast<int>(passed));
  }
  if (is_over(status)) details.entered[static_cast<std::size_t>(status)] = before(1000);
  details.place = TaskManagerPlace{TaskManagerId::from_string(kTaskManager).value(), "localhost", 34847};
  details.counters.records_in = 10 + index * 20;
  details.counters.busy_ms = 700;
  details.counters.user["Count.late"] = 3;
  details.counters.gauges["Count.fill"] = 0.25;
  details.has_counted = true;
  return details;
}

JobDetails make_job(const std::string& id, JobStatus status, TaskStatus task_status) {
  auto facts = std::make_shared<JobFacts>();
  facts->id = JobId::from_hex(id).value();
  facts->name = "beat";
  facts->plan_json = kPlan;
  facts->restart_strategy = "none";
  facts->parallelism = 2;
  facts->global_parameters["region"] = "north";
  JobDetails details;
  details.facts = facts;
  details.status = status;
  details.entered[static_cast<std::size_t>(JobStatus::initializing)] = before(6000);
  details.entered[static_cast<std::size_t>(status)] = before(is_over(status) ? 500 : 4000);
  auto vertex = std::make_shared<VertexDetails>();
  vertex->id = VertexId::from_hex(kVertex).value();
  vertex->name = "Source: generator";
  vertex->slot_sharing_group = "default";
  vertex->max_parallelism = 128;
  for (std::uint32_t i = 0; i < 2; ++i) vertex->subtasks.push_back(subtask(i, task_status));
  details.vertices.push_back(vertex);
  details.failures = std::make_shared<FailureList>();
  return details;
}

Error not_found(const std::string& what) { return Error::user(ErrorCode::not_found, "no such thing: " + what); }

}  // namespace

FakeBackend::FakeBackend() {
  TaskManagerDetails task_manager;
  auto& described = task_manager.description;
  described.id = TaskManagerId::from_string(kTaskManager).value();
  described.host = "localhost";
  described.rpc_port = 33971;
  described.data_port = 34847;
  described.slots = 4;
  described.cpu_cores = 2;
  described.physical_memory_bytes = 25'276'514'304;
  described.process_bytes = 1'728'000'000;
  described.network_bytes = 128'000'000;
  described.managed_bytes = 512'000'000;
  described.user_bytes = 800'000'000;
  task_manager.last_heartbeat = before(10);
  const JobId running = JobId::from_hex(kRunningJob).value();
  task_manager.holders = {running, running, std::nullopt, std::nullopt};
  task_managers_.push_back(std::move(task_manager));

  known_jobs.push_back(
      std::make_shared<const JobDetails>(make_job(kRunningJob, JobStatus::running, TaskStatus::running)));
  LocatedFailure cause;
  cause.failure = {"std::runtime_error", "boom", "  at job.cc:3", before(1000)};
  cause.task_name = "Source: generator (1/2) - execution #0";
  cause.endpoint = "localhost:34847";
  cause.task_manager_id = kTaskManager;
  LocatedFailure lost;
  lost.failure = {"TaskManager lost", "", "", before(900)};
  auto failures = std::make_shared<FailureList>();
  failures->entries.push_back({cause, {lost}});
  failures->entries.push_back({lost, {}});
  JobDetails failed = make_job(kFailedJob, JobStatus::failed, TaskStatus::failed);
  failed.failures = failures;
  known_jobs.push_back(std::make_shared<const JobDetails>(std::move(failed)));
  for (const auto& job : known_jobs) list_->push_back(summary_of(*job));
}

RestServices FakeBackend::services(RestSettings settings) {
  return RestServices{*this, *this, *this, std::move(settings), [] { return before(0); }};
}

void FakeBackend::overview(Reply<Shared<ClusterOverview>> reply) {
  ClusterOverview overview{1, 4, 2, list_};
  reply(std::make_shared<const ClusterOverview>(std::move(overview)));
}

void FakeBackend::task_managers(Reply<Shared<std::vector<TaskManagerDetails>>> reply) {
  reply(std::make_shared<const std::vector<TaskManagerDetails>>(task_managers_));
}

void FakeBackend::list_logs(std::string task_manager_id, Reply<std::vector<LogFile>> reply) {
  if (task_manager_id != kTaskManager) return reply(not_found(task_manager_id));
  std::vector<LogFile> files;
  for (const auto& [name, content] : task_manager_files) files.push_back(LogFile{name, content.size(), before(0)});
  reply(std::move(files));
}

void FakeBackend::read_log(std::string task_manager_id, LogChoice choice, std::uint64_t offset, Reply<LogPiece> reply) {
  if (task_manager_id != kTaskManager) return reply(not_found(task_manager_id));
  std::string name = choice.kind == LogChoice::Kind::log               ? "log"
                     : choice.kind == LogChoice::Kind::standard_output ? "stdout"
                                                                       : choice.name;
  auto file = task_manager_files.find(name);
  if (file == task_manager_files.end()) return reply(not_found(name));
  LogPiece piece;
  piece.file_bytes = file->second.size();
  piece.content = file->second.substr(std::min<std::size_t>(offset, file->second.size()), 10);
  reply(std::move(piece));
}

void FakeBackend::shut_down(Reply<void> reply) {
  ended = true;
  reply({});
}

void FakeBackend::jobs(Reply<Shared<JobList>> reply) { reply(Shared<JobList>(list_)); }

void FakeBackend::all_details(Reply<std::vector<Shared<JobDetails>>> reply) { reply(known_jobs); }

void FakeBackend::details(JobId id, Reply<Shared<JobDetails>> reply) {
  for (const auto& job : known_jobs) {
    if (job->facts->id == id) return reply(job);
  }
  reply(not_found(id.to_hex()));
}

void FakeBackend::cancel(JobId id, Reply<void> reply) {
  auto found =
      std::find_if(known_jobs.begin(), known_jobs.end(), [&](const auto& job) { return job->facts->id == id; });
  if (found == known_jobs.end()) return reply(not_found(id.to_hex()));
  if (is_over((*found)->status)) {
    return reply(Error::user(ErrorCode::failed_precondition, "the job has ended: FAILED"));
  }
  cancelled.push_back(id.to_hex());
  reply({});
}

void FakeBackend::jars(Reply<Shared<std::vector<JarDetails>>> reply) {
  JarDetails jar;
  jar.id = kJar;
  jar.name = "job.so";
  jar.uploaded = before(60'000);
  jar.jobs = {JobEntry{"slow_query_log", ""}, JobEntry{"other", "something else"}};
  reply(std::make_shared<const std::vector<JarDetails>>(1, jar));
}

void FakeBackend::add(http::SpooledFile, std::string client_name, Reply<std::string> reply) {
  uploads.push_back(client_name);
  reply(kJar);
}

void FakeBackend::remove(std::string jar_id, Reply<void> reply) {
  if (jar_id != kJar) return reply(not_found(jar_id));
  reply({});
}

void FakeBackend::plan(RunRequest request, Reply<PlannedJob> reply) {
  if (request.jar_id != kJar) return reply(not_found(request.jar_id));
  reply(PlannedJob{kPlan, request.warnings});
}

void FakeBackend::run(RunRequest request, Reply<StartedJob> reply) {
  ran = request;
  if (run_error) return reply(*run_error);
  if (request.jar_id != kJar) return reply(not_found(request.jar_id));
  reply(StartedJob{JobId::from_hex(kRunningJob).value(), request.warnings});
}

}  // namespace weir::jobmanager::rest

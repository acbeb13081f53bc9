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

SubtaskDetails subtask(int index, TaskStatus status) {
  SubtaskDetails details;
  details.subtask = index;
  details.status = status;
  for (TaskStatus passed : {TaskStatus::created, TaskStatus::scheduled, TaskStatus::deploying, TaskStatus::initializing,
                            TaskStatus::running}) {
    details.entered[static_cast<std::size_t>(passed)] = kNow - 5000 + 100 * static_cast<int>(passed);
  }
  if (is_over(status)) details.entered[static_cast<std::size_t>(status)] = kNow - 1000;
  details.host = "localhost";
  details.data_port = 34847;
  details.task_manager_id = "localhost:33971-09627f";
  details.counters.records_in = 10 + static_cast<std::uint64_t>(index) * 20;
  details.counters.busy_ms = 700;
  details.counters.user["Count.late"] = 3;
  details.counters.gauges["Count.fill"] = 0.25;
  return details;
}

JobDetails make_job(const std::string& id, JobStatus status, TaskStatus task_status) {
  JobDetails details;
  details.id = JobId::from_hex(id).value();
  details.name = "beat";
  details.status = status;
  details.start = kNow - 6000;
  details.entered[static_cast<std::size_t>(JobStatus::initializing)] = details.start;
  details.entered[static_cast<std::size_t>(status)] = kNow - 4000;
  if (is_over(status)) details.end = kNow - 500;
  details.plan_json = kPlan;
  VertexDetails vertex;
  vertex.id = VertexId::from_hex(kVertex).value();
  vertex.name = "Source: generator";
  vertex.slot_sharing_group = "default";
  vertex.max_parallelism = 128;
  for (int i = 0; i < 2; ++i) vertex.subtasks.push_back(subtask(i, task_status));
  details.vertices.push_back(std::move(vertex));
  details.restart_strategy = "none";
  details.parallelism = 2;
  details.user_configuration["region"] = "north";
  return details;
}

Error not_found(const std::string& what) { return Error::user(ErrorCode::not_found, "no such thing: " + what); }

}  // namespace

FakeBackend::FakeBackend() {
  cluster_.task_managers = 1;
  cluster_.slots_total = 4;
  cluster_.slots_available = 2;
  cluster_.jobs_running = 1;
  cluster_.jobs_failed = 1;

  TaskManagerDetails task_manager;
  task_manager.id = "localhost:33971-09627f";
  task_manager.host = "localhost";
  task_manager.rpc_port = 33971;
  task_manager.data_port = 34847;
  task_manager.last_heartbeat = kNow - 10;
  task_manager.slots = 4;
  task_manager.free_slots = 2;
  task_manager.cpu_cores = 2;
  task_manager.physical_memory_bytes = 25'276'514'304;
  task_manager.memory = MemoryAmounts{1'728'000'000, 128'000'000, 512'000'000, 800'000'000};
  task_manager.allocated = {JobId::from_hex(kRunningJob).value()};
  task_managers_.push_back(std::move(task_manager));

  details.push_back(make_job(kRunningJob, JobStatus::running, TaskStatus::running));
  details.push_back(make_job(kFailedJob, JobStatus::failed, TaskStatus::failed));
  ExceptionEntry cause;
  cause.exception = "std::runtime_error";
  cause.stack_trace = "std::runtime_error: boom\n  at job.cc:3";
  cause.timestamp = kNow - 1000;
  cause.task_name = "Source: generator (1/2) - execution #0";
  cause.endpoint = "localhost:34847";
  cause.task_manager_id = "localhost:33971-09627f";
  ExceptionEntry lost;
  lost.exception = "TaskManager lost";
  lost.stack_trace = "TaskManager lost";
  lost.timestamp = kNow - 900;
  cause.concurrent.push_back(lost);
  details.back().exceptions = {cause, lost};
}

RestServices FakeBackend::services(RestSettings settings) {
  return RestServices{*this, *this, *this, std::move(settings), [] { return kNow; }};
}

void FakeBackend::list_logs(std::string task_manager_id, Answer<std::vector<LogFile>> answer) {
  if (task_manager_id != task_managers_[0].id) return answer(not_found(task_manager_id));
  std::vector<LogFile> files;
  for (const auto& [name, content] : task_manager_files) files.push_back(LogFile{name, content.size(), kNow});
  answer(std::move(files));
}

void FakeBackend::read_log(std::string task_manager_id, LogChoice choice, std::uint64_t offset,
                           Answer<LogPiece> answer) {
  if (task_manager_id != task_managers_[0].id) return answer(not_found(task_manager_id));
  std::string name = choice.kind == LogChoice::Kind::log               ? "log"
                     : choice.kind == LogChoice::Kind::standard_output ? "stdout"
                                                                       : choice.name;
  auto file = task_manager_files.find(name);
  if (file == task_manager_files.end()) return answer(not_found(name));
  LogPiece piece;
  piece.file_bytes = file->second.size();
  piece.content = file->second.substr(std::min<std::size_t>(offset, file->second.size()), 10);
  answer(std::move(piece));
}

void FakeBackend::shut_down(Answer<void> answer) {
  ended = true;
  answer({});
}

void FakeBackend::jobs(Answer<std::vector<JobSummary>> answer) {
  std::vector<JobSummary> list;
  for (const JobDetails& job : details) {
    JobSummary summary;
    summary.id = job.id;
    summary.name = job.name;
    summary.status = job.status;
    summary.start = job.start;
    summary.end = job.end;
    summary.tasks[static_cast<std::size_t>(TaskStatus::running)] = 2;
    list.push_back(summary);
  }
  answer(std::move(list));
}

void FakeBackend::job(JobId id, Answer<JobDetails> answer) {
  auto found = std::find_if(details.begin(), details.end(), [&](const JobDetails& job) { return job.id == id; });
  if (found == details.end()) return answer(not_found(id.to_hex()));
  answer(*found);
}

void FakeBackend::cancel(JobId id, Answer<void> answer) {
  auto found = std::find_if(details.begin(), details.end(), [&](const JobDetails& job) { return job.id == id; });
  if (found == details.end()) return answer(not_found(id.to_hex()));
  if (is_over(found->status)) {
    return answer(Error::user(ErrorCode::failed_precondition, "the job has ended: FAILED"));
  }
  cancelled.push_back(id.to_hex());
  answer({});
}

void FakeBackend::jars(Answer<std::vector<JarEntry>> answer) {
  JarEntry jar;
  jar.id = kJar;
  jar.name = "job.so";
  jar.uploaded = kNow - 60'000;
  jar.jobs = {JarEntry::Job{"slow_query_log", ""}, JarEntry::Job{"other", "something else"}};
  answer(std::vector<JarEntry>{jar});
}

void FakeBackend::add(http::SpooledFile, std::string client_name, Answer<std::string> answer) {
  uploads.push_back(client_name);
  answer(kJar);
}

void FakeBackend::remove(std::string jar_id, Answer<void> answer) {
  if (jar_id != kJar) return answer(not_found(jar_id));
  answer({});
}

void FakeBackend::plan(RunRequest request, Answer<std::string> answer) {
  if (request.jar_id != kJar) return answer(not_found(request.jar_id));
  answer(kPlan);
}

void FakeBackend::run(RunRequest request, Answer<JobId> answer) {
  ran = request;
  if (run_error) return answer(*run_error);
  if (request.jar_id != kJar) return answer(not_found(request.jar_id));
  answer(JobId::from_hex(kRunningJob).value());
}

}  // namespace weir::jobmanager::rest

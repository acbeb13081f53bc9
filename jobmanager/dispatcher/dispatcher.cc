#include "jobmanager/dispatcher/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/observe/log.h"

namespace weir::jobmanager {

namespace {

constexpr std::chrono::seconds kExpiryPause{10};

Error unknown_job(const JobId& id) {
  return Error::user(
      ErrorCode::not_found,
      fmt::format("Job {} not found: it is not running and not among the ended jobs still remembered", id));
}

bool is_given_to(const Attempt& attempt, const TaskManagerId& id) { return attempt.place && attempt.place->id == id; }

}  // namespace

Dispatcher::Dispatcher(asio::any_io_executor executor, Clock& clock, TaskManagerRegistry& task_managers,
                       SlotPool& slots, ResourceDriver& resources, DispatcherOptions options)
    : executor_(executor),
      clock_(clock),
      task_managers_(task_managers),
      slots_(slots),
      resources_(resources),
      options_(std::move(options)),
      finished_(options_.finished),
      slots_changed_(executor),
      scope_(executor, "dispatcher") {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::start() {
  scope_.start("wake waiting jobs", wake_waiting_jobs());
  scope_.start("forget old jobs", forget_old_jobs());
}

Async<void> Dispatcher::close() {
  closing_ = true;
  co_await scope_.close();
  for (const auto& job : jobs_) {
    if (!job->is_over()) {
      LOG_INFO("job {} ('{}') ends with the JobManager", job->submission().id, job->graph().job_name);
      task_managers_.end_job(job->worker());
    }
    co_await job->close();
  }
  jobs_.clear();
}

Result<void> Dispatcher::submit(SubmittedJob planned) {
  const JobId id = planned.submission.id;
  if (closing_)
    return Error::external(ErrorCode::unavailable, "the JobManager is shutting down and takes no more jobs");
  if (knows(id)) return Error::user(ErrorCode::already_exists, fmt::format("Job {} has already been submitted", id));
  LOG_INFO("job {} ('{}') is submitted: {} vertices, {} tasks", id, planned.graph.job_name,
           planned.graph.vertices.size(), planned.graph.task_count());
  const ClusterParts cluster{task_managers_, slots_, faults_, resources_};
  auto job = std::make_unique<Job>(std::move(planned), options_.job, cluster, clock_, executor_, *this);
  Job& started = *jobs_.emplace_back(std::move(job));
  ++table_changes_;
  started.start();
  return {};
}

Result<void> Dispatcher::cancel(const JobId& id) {
  JobStatus status = JobStatus::canceled;
  if (Job* job = find_job(id)) {
    job->cancel();
    status = job->status();
  } else if (const auto ended = finished_.find(id)) {
    status = ended->status;
  } else {
    return unknown_job(id);
  }
  if (status == JobStatus::finished || status == JobStatus::failed) {
    return Error::user(
        ErrorCode::failed_precondition,
        fmt::format("Job cancellation failed because the job has already reached another terminal state ({}): {}.",
                    name_of(status), id));
  }
  return {};
}

void Dispatcher::on_task_status(const TaskManagerId& from, const JobId& id, std::vector<TaskReport> reports) {
  Job* job = find_job(id);
  if (job == nullptr) return;
  const std::size_t foreign = std::erase_if(reports, [&](const TaskReport& report) {
    const auto task = job->tasks().find(report.execution);
    return task && !is_given_to(job->tasks().attempt(*task), from);
  });
  if (foreign > 0)
    LOG_WARN("job {}: TaskManager {} reports {} tasks that were not given to it; ignored", id, from, foreign);
  job->on_task_status(reports);
}

void Dispatcher::on_counters(const TaskManagerId& from, const ExecutionId& execution, const TaskCounters& counters) {
  for (const auto& job : jobs_) {
    const auto task = job->tasks().find(execution);
    if (!task) continue;
    if (is_given_to(job->tasks().attempt(*task), from)) job->on_counters(execution, counters);
    return;
  }
}

Belief Dispatcher::belief_of(const TaskManagerId& id) const {
  Belief belief;
  for (const auto& job : jobs_) {
    for (const TaskIndex task : job->tasks().on(id)) {
      const Attempt& attempt = job->tasks().attempt(task);
      const JobExecution one{job->submission().id, attempt.execution};
      if (is_over(attempt.status)) continue;
      const bool is_taken = attempt.status == TaskStatus::initializing || attempt.status == TaskStatus::running ||
                            attempt.status == TaskStatus::canceling;
      (is_taken ? belief.running : belief.unsure).insert(one);
    }
  }
  return belief;
}

void Dispatcher::on_tasks_missing(const TaskManagerId& id, const std::vector<JobExecution>& missing) {
  std::map<JobId, std::vector<TaskReport>> reports;
  for (const JobExecution& one : missing) {
    const Job* job = find(one.job);
    const auto task = job != nullptr ? job->tasks().find(one.execution) : std::nullopt;
    if (!task) continue;
    const bool was_to_stop = job->tasks().attempt(*task).status == TaskStatus::canceling;
    TaskReport report{one.execution, was_to_stop ? TaskStatus::canceled : TaskStatus::failed, std::nullopt,
                      std::nullopt};
    if (!was_to_stop) {
      report.failure = Failure{"Task lost",
                               fmt::format("TaskManager {} does not have the task any more and did not say what became "
                                           "of it: its worker was ended by somebody else than this JobManager.",
                                           id),
                               "", clock_.wall_now(), Blame::external};
    }
    reports[one.job].push_back(std::move(report));
  }
  for (auto& [job, of_job] : reports) {
    LOG_WARN("job {}: TaskManager {} does not have {} of its tasks any more: they are over", job, id, of_job.size());
    on_task_status(id, job, std::move(of_job));
  }
}

void Dispatcher::on_slots_available() { slots_changed_.set(); }

void Dispatcher::on_task_manager_lost(const TaskManagerId& id, const std::string& reason) {
  faults_.clear(id);
  for (const auto& job : jobs_) job->on_task_manager_lost(id, reason);
}

bool Dispatcher::knows(const JobId& id) const { return find(id) != nullptr || finished_.find(id) != nullptr; }

const Job* Dispatcher::find(const JobId& id) const {
  auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->submission().id == id; });
  return found == jobs_.end() ? nullptr : found->get();
}

Job* Dispatcher::find_job(const JobId& id) { return const_cast<Job*>(find(id)); }

Result<std::shared_ptr<const JobDetails>> Dispatcher::details(const JobId& id) const {
  if (const Job* job = find(id)) return job->details();
  if (auto ended = finished_.find(id)) return ended;
  return unknown_job(id);
}

std::vector<std::shared_ptr<const JobDetails>> Dispatcher::all_details() const {
  auto all = finished_.all();
  for (const auto& job : jobs_) all.push_back(job->details());
  return all;
}

std::set<std::string> Dispatcher::blobs_in_use() const {
  std::set<std::string> keys;
  for (const auto& job : jobs_) keys.insert(job->submission().artefact.blob_key);
  return keys;
}

std::shared_ptr<const JobList> Dispatcher::list() const {
  std::uint64_t changes = table_changes_;
  for (const auto& job : jobs_) changes += job->changes();
  if (list_ != nullptr && list_changes_ == changes) return list_;
  auto list = std::make_shared<JobList>(finished_.summaries());
  for (const auto& job : jobs_) list->push_back(job->summary());
  std::stable_sort(list->begin(), list->end(),
                   [](const JobSummary& a, const JobSummary& b) { return a.start < b.start; });
  list_ = std::move(list);
  list_changes_ = changes;
  return list_;
}

void Dispatcher::on_job_over(const JobId& id) {
  if (!closing_) scope_.start(fmt::format("retire job {}", id), retire(id));
}

Async<void> Dispatcher::retire(JobId id) {
  Job* job = find_job(id);
  if (job == nullptr) co_return;
  co_await job->close();
  finished_.add(job->details(), clock_.now());
  table_changes_ += job->changes() + 1;
  std::erase_if(jobs_, [&](const auto& candidate) { return candidate.get() == job; });
}

Async<void> Dispatcher::wake_waiting_jobs() {
  for (;;) {
    co_await slots_changed_.wait();
    slots_changed_.reset();
    // Nothing leaves the table here: jobs retire in coroutines of their own.
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i]->is_waiting()) jobs_[i]->on_slots_available();
    }
  }
}

Async<void> Dispatcher::forget_old_jobs() {
  for (;;) {
    co_await clock_.sleep_for(kExpiryPause);
    if (finished_.expire(clock_.now())) ++table_changes_;
  }
}

}  // namespace weir::jobmanager

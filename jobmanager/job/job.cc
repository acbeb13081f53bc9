#include "jobmanager/job/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/ensure.h"
#include "common/observe/log.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

namespace {

constexpr std::chrono::milliseconds kCancelRetryDelay{200};

std::string random_secret() { return ExecutionId::random().to_bytes() + ExecutionId::random().to_bytes(); }

}  // namespace

Job::Job(JobSubmission submission, JobOptions options, TaskManagerRegistry& task_managers, SlotPool& slots,
         Clock& clock, asio::any_io_executor executor, JobOwner& owner)
    : submission_(std::move(submission)),
      options_(std::move(options)),
      secret_(random_secret()),
      task_managers_(task_managers),
      slots_(slots),
      clock_(clock),
      owner_(owner),
      book_{ExecutionGraph(submission_.graph, clock.wall_now()), FailureHistory(options_.exceptions_max),
            options_.timeouts},
      last_change_(clock.wall_now()),
      scope_(std::move(executor), fmt::format("job {}", submission_.id)) {
  entered_[static_cast<std::size_t>(JobStatus::initializing)] = last_change_;
}

Job::~Job() = default;

void Job::start() {
  ENSURE(phase_ == nullptr && next_ == nullptr, "job {} is started twice", submission_.id);
  enter(make_waiting_phase(*this));
  follow_phases();
}

Async<void> Job::close() { co_await scope_.close(); }

void Job::on_task_status(const std::vector<TaskReport>& reports) {
  for (const auto& report : reports) {
    auto task = book_.tasks.find(report.execution);
    if (!task || weir::is_over(book_.tasks.attempt(*task).status)) continue;
    if (report.counters) book_.tasks.set_counters(*task, *report.counters, now());
    phase_->on_task_status(*task, report);
    last_change_ = now();
    ++changes_;
    follow_phases();
  }
  watch_for_idle_slots(reports);
}

/// Where the last task of this job has just finished, its slots are given back after a while, unless the job ends
/// before.
void Job::watch_for_idle_slots(const std::vector<TaskReport>& reports) {
  if (is_over()) return;
  std::set<TaskManagerId> candidates;
  for (const auto& report : reports) {
    const auto task = book_.tasks.find(report.execution);
    if (!task || report.status != TaskStatus::finished) continue;
    if (const auto& place = book_.tasks.attempt(*task).place) candidates.insert(place->id);
  }
  for (const TaskManagerId& id : candidates) {
    if (is_idle_on(id)) scope_.start(fmt::format("idle slots on {}", id), return_idle_slots(id));
  }
}

bool Job::is_idle_on(const TaskManagerId& id) const {
  const auto tasks = book_.tasks.on(id);
  return std::all_of(tasks.begin(), tasks.end(),
                     [&](TaskIndex task) { return book_.tasks.attempt(task).status == TaskStatus::finished; });
}

Async<void> Job::return_idle_slots(TaskManagerId id) {
  co_await clock_.sleep_for(options_.timeouts.slot_idle);
  if (status_ != JobStatus::running || !is_idle_on(id) || !slots_.holds(submission_.id, id)) co_return;
  LOG_INFO(
      "job {} ('{}') gives back its slots on TaskManager {}: all of its tasks there finished {} ms ago "
      "(slot.idle.timeout)",
      submission_.id, submission_.graph.job_name, id, options_.timeouts.slot_idle.count());
  task_managers_.end_job_on(submission_.id, id);
}

void Job::on_counters(const ExecutionId& execution, TaskCounters counters) {
  if (auto task = book_.tasks.find(execution)) book_.tasks.set_counters(*task, std::move(counters), now());
}

void Job::on_task_manager_lost(const TaskManagerId& id, const std::string& reason) {
  std::vector<TaskReport> reports;
  for (TaskIndex task : book_.tasks.on(id)) {
    TaskReport report{book_.tasks.attempt(task).execution, TaskStatus::failed, std::nullopt, std::nullopt};
    report.failure = Failure{"TaskManager lost", reason, "", now()};
    reports.push_back(std::move(report));
  }
  on_task_status(reports);
}

void Job::on_slots_available() {
  phase_->on_slots_available();
  follow_phases();
}

JobSummary Job::summary() const {
  JobSummary summary;
  summary.id = submission_.id;
  summary.name = submission_.graph.job_name;
  summary.status = status_;
  summary.start = time_of(entered_, JobStatus::initializing).value_or(WallTime());
  if (is_over()) summary.end = time_of(entered_, status_);
  summary.last_change = last_change_;
  summary.tasks = book_.tasks.counts();
  return summary;
}

void Job::cancel() {
  phase_->cancel();
  follow_phases();
}

void Job::enter(std::unique_ptr<Phase> next) {
  // The first decision of a call stands.
  if (next_ == nullptr) next_ = std::move(next);
}

void Job::follow_phases() {
  if (following_) return;
  following_ = true;
  while (next_ != nullptr) {
    phase_ = std::move(next_);
    ++phase_number_;
    enter_status(phase_->status());
    phase_->begin();
  }
  following_ = false;
}

void Job::enter_status(JobStatus status) {
  if (status == status_) return;
  ENSURE(may_follow(status_, status), "job {} goes from {} to {}", submission_.id, name_of(status_), name_of(status));
  LOG_INFO("job {} ('{}') goes from {} to {}", submission_.id, submission_.graph.job_name, name_of(status_),
           name_of(status));
  if (status == JobStatus::failing && book_.failures.newest() != nullptr) {
    const auto& cause = *book_.failures.newest();
    LOG_WARN("job {} ('{}') fails: {}{}{}", submission_.id, submission_.graph.job_name, cause.task_name,
             cause.task_name.empty() ? "" : ": ", cause.failure.to_text());
  }
  status_ = status;
  last_change_ = now();
  ++changes_;
  entered_[static_cast<std::size_t>(status)] = last_change_;
  if (!is_over()) return;
  task_managers_.end_job(submission_.id);
  owner_.on_job_over(submission_.id);
}

Result<void> Job::acquire_slots() {
  const auto demands = slot_demands(submission_.graph);
  auto placed = place(demands, slots_.free(), options_.slot_choice);
  if (!placed.ok()) return placed.error();
  std::map<std::string, const GroupPlacement*> by_group;
  for (const auto& group : *placed) {
    slots_.lease(submission_.id, group.slots);
    by_group[group.group] = &group;
  }
  for (TaskIndex task : book_.tasks.all()) {
    const auto& group = submission_.graph.vertices[task.vertex].slot_sharing_group;
    const SlotAddress& slot = by_group.at(group)->slots[task.subtask];
    const RegisteredTaskManager* task_manager = task_managers_.find(slot.task_manager);
    ENSURE(task_manager != nullptr, "slots of {} are in the pool, and it is not registered", slot.task_manager);
    const auto& described = task_manager->description;
    book_.tasks.set_place(task, {described.id, described.host, described.data_port}, slot.slot);
  }
  return {};
}

void Job::send(Order order) { order == Order::deploy ? send_deployments() : send_cancels(); }

void Job::send_deployments() {
  std::vector<std::vector<PlacedTask>> placed(submission_.graph.vertices.size());
  for (TaskIndex task : book_.tasks.all()) {
    const Attempt& attempt = book_.tasks.attempt(task);
    placed[task.vertex].push_back({attempt.execution, attempt.number, *attempt.place, attempt.slot});
  }
  DeploymentTerms terms{submission_.id, submission_.artefact, submission_.configuration, secret_,
                        options_.blob_address};
  for (auto& deployment : make_deployments(submission_.graph, placed, terms)) {
    std::shared_ptr<proto::DeployRequest> request = std::move(deployment.request);
    scope_.start(fmt::format("deploy on {}", deployment.task_manager),
                 deploy_on(deployment.task_manager, std::move(request)));
  }
}

Async<void> Job::deploy_on(TaskManagerId id, std::shared_ptr<proto::DeployRequest> request) {
  std::shared_ptr<TaskManagerLink> link = task_managers_.link(id);
  Result<void> outcome =
      Error::external(ErrorCode::unavailable, fmt::format("TaskManager with id {} is no longer registered", id));
  if (link != nullptr) {
    const SteadyTime deadline = clock_.now() + options_.timeouts.deploy;
    proto::DeployRequest message = std::move(*request);
    auto reply = co_await link->gateway().deploy(std::move(message), deadline);
    outcome = reply.ok() ? Result<void>() : Result<void>(reply.error());
  }
  phase_->on_deployed(id, outcome);
  follow_phases();
}

void Job::send_cancels() {
  std::map<TaskManagerId, std::vector<ExecutionId>> by_task_manager;
  for (TaskIndex task : book_.tasks.all()) {
    const Attempt& attempt = book_.tasks.attempt(task);
    if (attempt.status == TaskStatus::canceling) by_task_manager[attempt.place->id].push_back(attempt.execution);
  }
  for (auto& [id, executions] : by_task_manager) {
    scope_.start(fmt::format("cancel on {}", id), cancel_on(id, std::move(executions)));
  }
}

Async<void> Job::cancel_on(TaskManagerId id, std::vector<ExecutionId> executions) {
  while (!is_over()) {
    std::shared_ptr<TaskManagerLink> link = task_managers_.link(id);
    if (link == nullptr) co_return;  // Lost: its tasks have been counted as failed.
    proto::CancelTasksRequest request;
    request.set_job(submission_.id.to_bytes());
    for (const auto& execution : executions) request.add_executions(execution.to_bytes());
    const SteadyTime deadline = clock_.now() + options_.timeouts.call;
    auto reply = co_await link->gateway().cancel_tasks(std::move(request), deadline);
    if (reply.ok()) co_return;
    LOG_DEBUG("job {}: TaskManager {} does not take the order to cancel, trying on: {}", submission_.id, id,
              reply.error().message);
    co_await clock_.sleep_for(kCancelRetryDelay);
  }
}

void Job::wake_after(std::chrono::milliseconds delay) {
  scope_.start("timer of the phase", wake(delay, phase_number_));
}

Async<void> Job::wake(std::chrono::milliseconds delay, std::uint64_t phase_number) {
  co_await clock_.sleep_for(delay);
  if (phase_number != phase_number_) co_return;
  phase_->on_timer();
  follow_phases();
}

}  // namespace weir::jobmanager

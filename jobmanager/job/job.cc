#include "jobmanager/job/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/ensure.h"
#include "common/observe/log.h"

namespace weir::jobmanager {

namespace {

std::string random_secret() { return ExecutionId::random().to_bytes() + ExecutionId::random().to_bytes(); }

DeploymentTerms terms_of(const JobSubmission& submission, const JobOptions& options) {
  return {submission.id,   {options.epoch, 1},  submission.artefact, submission.configuration,
          random_secret(), options.blob_address};
}

}  // namespace

Job::Job(SubmittedJob planned, JobOptions options, const ClusterParts& cluster, Clock& clock,
         asio::any_io_executor executor, JobOwner& owner)
    : submission_(std::move(planned.submission)),
      options_(std::move(options)),
      cluster_(cluster),
      clock_(clock),
      owner_(owner),
      book_{ExecutionGraph(std::make_shared<const plan::JobGraph>(std::move(planned.graph)), clock.wall_now()),
            FailureHistory(options_.exceptions_max), options_.timeouts},
      last_change_(clock.wall_now()),
      orders_(terms_of(submission_, options_), options_.timeouts, book_.tasks, cluster_.task_managers, clock_, executor,
              *this),
      scope_(std::move(executor), fmt::format("job {}", submission_.id)) {
  entered_[static_cast<std::size_t>(JobStatus::initializing)] = last_change_;
}

Job::~Job() = default;

void Job::start() {
  ENSURE(phase_ == nullptr && next_ == nullptr, "job {} is started twice", submission_.id);
  enter(options_.first_phase(*this));
  follow_phases();
}

Async<void> Job::close() {
  cluster_.resources.declare(submission_.id, 0);
  co_await orders_.close();
  co_await scope_.close();
}

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
  if (status_ != JobStatus::running || !is_idle_on(id) || !cluster_.slots.holds(submission_.id, id)) co_return;
  LOG_INFO(
      "job {} ('{}') gives back its slots on TaskManager {}: all of its tasks there finished {} ms ago "
      "(slot.idle.timeout)",
      submission_.id, graph().job_name, id, options_.timeouts.slot_idle.count());
  orders_.end_worker(id);
}

void Job::on_counters(const ExecutionId& execution, TaskCounters counters) {
  if (auto task = book_.tasks.find(execution)) book_.tasks.set_counters(*task, std::move(counters), now());
}

void Job::on_task_manager_lost(const TaskManagerId& id, const std::string& reason) {
  std::vector<TaskReport> reports;
  for (TaskIndex task : book_.tasks.on(id)) {
    TaskReport report{book_.tasks.attempt(task).execution, TaskStatus::failed, std::nullopt, std::nullopt};
    report.failure = Failure{"TaskManager lost", reason, "", now(), Blame::external};
    reports.push_back(std::move(report));
  }
  leases_.drop(id);
  on_task_status(reports);
}

void Job::on_slots_available() {
  phase_->on_slots_available();
  follow_phases();
}

JobSummary Job::summary() const {
  JobSummary summary;
  summary.id = submission_.id;
  summary.name = graph().job_name;
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
  LOG_INFO("job {} ('{}') goes from {} to {}", submission_.id, graph().job_name, name_of(status_), name_of(status));
  if (status == JobStatus::failing && book_.failures.newest() != nullptr) {
    const auto& cause = *book_.failures.newest();
    LOG_WARN("job {} ('{}') fails: {}{}{}", submission_.id, graph().job_name, cause.task_name,
             cause.task_name.empty() ? "" : ": ", cause.failure.to_text());
  }
  status_ = status;
  last_change_ = now();
  ++changes_;
  entered_[static_cast<std::size_t>(status)] = last_change_;
  if (!is_over()) return;
  cluster_.task_managers.end_job(orders_.worker());
  owner_.on_job_over(submission_.id);
}

std::optional<SlotShortage> Job::acquire_slots(std::span<const TaskIndex> tasks) {
  const std::vector<SlotLeases::Place> missing = leases_.missing(graph(), tasks);
  std::vector<GroupDemand> demands;
  for (const auto& place : missing) {
    if (demands.empty() || demands.back().group != place.group) demands.push_back({place.group, 0});
    ++demands.back().slots;
  }
  std::vector<FreeSlots> offers = cluster_.slots.free();
  for (FreeSlots& offer : offers) offer.is_avoided = cluster_.faults.is_avoided(offer.task_manager, clock_.now());
  auto placed = place(demands, std::move(offers), options_.slot_choice);
  if (auto* shortage = std::get_if<SlotShortage>(&placed)) return std::move(*shortage);
  auto wanted = missing.begin();
  for (const auto& group : std::get<std::vector<GroupPlacement>>(placed)) {
    for (const SlotAddress& slot : group.slots) {
      cluster_.slots.lease(submission_.id, slot);
      leases_.add(*wanted++, slot);
    }
  }
  for (TaskIndex task : tasks) {
    const SlotAddress& slot = *leases_.find(SlotLeases::place_of(graph(), task));
    const RegisteredTaskManager* task_manager = cluster_.task_managers.find(slot.task_manager);
    ENSURE(task_manager != nullptr, "slots of {} are in the pool, and it is not registered", slot.task_manager);
    const auto& described = task_manager->description;
    book_.tasks.set_place(task, {described.id, described.host, described.data_port}, slot.slot);
  }
  return std::nullopt;
}

void Job::declare_demand(std::uint32_t slots) { cluster_.resources.declare(submission_.id, slots); }

// ---- orders

void Job::deploy(std::vector<TaskIndex> tasks) { orders_.deploy(std::move(tasks)); }

void Job::cancel(std::vector<TaskIndex> tasks) { orders_.cancel(tasks); }

void Job::end_workers(std::span<const TaskIndex> tasks) {
  std::set<TaskManagerId> ids;
  for (TaskIndex task : tasks) {
    if (const auto& place = book_.tasks.attempt(task).place) ids.insert(place->id);
  }
  for (const TaskManagerId& id : ids) orders_.end_worker(id);
}

void Job::on_deployed(const DeploymentOutcome& outcome) {
  note_fault(outcome);
  phase_->on_deployed(outcome);
  follow_phases();
}

/// One TaskManager that can't start tasks must not take every job that comes.
void Job::note_fault(const DeploymentOutcome& outcome) {
  if (outcome.result.ok()) return cluster_.faults.clear(outcome.task_manager);
  if (!is_machine_fault(outcome.result.error())) return;
  if (cluster_.task_managers.find(outcome.task_manager) == nullptr) return;
  LOG_WARN("TaskManager {} failed a deployment and is avoided for a while where others have slots: {}",
           outcome.task_manager, outcome.result.error().message);
  cluster_.faults.add(outcome.task_manager, clock_.now());
}

void Job::on_gone(const std::vector<TaskIndex>& tasks) {
  phase_->on_gone(tasks);
  last_change_ = now();
  follow_phases();
}

void Job::on_worker_ended(const TaskManagerId& id) { leases_.drop(id); }

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

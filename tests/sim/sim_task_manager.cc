#include "tests/sim/sim_task_manager.h"

#include <iterator>
#include <utility>

#include "common/base/try.h"
#include "common/rpc/error_codec.h"
#include "proto/job_manager.pb.h"
#include "tests/support/deployments.h"

namespace weir::sim {

namespace {

constexpr std::chrono::milliseconds kHeartbeat{200};
constexpr std::chrono::milliseconds kCallTimeout{1'000};

class SimLink final : public jobmanager::TaskManagerLink {
 public:
  SimLink(SimTaskManager& task_manager, const Incarnation& wanted, jobmanager::LinkEvents events)
      : task_manager_(task_manager) {
    task_manager_.attach(std::move(events), wanted, this);
  }
  TaskManagerGateway& gateway() override { return task_manager_; }
  Async<void> close() override {
    task_manager_.detach(this);
    co_return;
  }

 private:
  SimTaskManager& task_manager_;
};

}  // namespace

std::shared_ptr<jobmanager::TaskManagerLink> SimDialler::dial(const jobmanager::TaskManagerDescription& description,
                                                              jobmanager::LinkEvents events) {
  return std::make_shared<SimLink>(*by_port_.at(description.rpc_port), description.incarnation, std::move(events));
}

SimTaskManager::SimTaskManager(std::string name, std::uint32_t slots, asio::any_io_executor executor, Clock& clock,
                               JobManagerGateway& job_manager, std::mt19937_64& random, Mischief mischief)
    : name_(std::move(name)),
      slots_(slots),
      executor_(executor),
      clock_(clock),
      job_manager_(job_manager),
      random_(random),
      mischief_(mischief),
      scope_(executor, name_) {}

void SimTaskManager::start() {
  alive_ = true;
  hangs_ = false;
  incarnation_ = Incarnation::random();
  scope_.start("live", live(incarnation_));
  scope_.start("send reports", send_reports(incarnation_));
}

void SimTaskManager::lose_a_worker() {
  const std::set<std::string> all = jobs();
  if (!alive_ || all.empty()) return;
  const std::string job = *std::next(all.begin(), static_cast<std::ptrdiff_t>(random_() % all.size()));
  std::erase_if(slot_jobs_, [&](const auto& entry) { return entry.second == job; });
  std::erase_if(tasks_, [&](const auto& entry) { return entry.second.job == job; });
}

void SimTaskManager::die() {
  alive_ = false;
  tasks_.clear();
  slot_jobs_.clear();
  reports_.clear();
  // A copy: whoever hears of it may close its link.
  const auto links = links_;
  for (const auto& [link, entry] : links) {
    if (links_.contains(link)) entry.events.lost("connection refused");
  }
}

Async<void> SimTaskManager::close() { co_await scope_.close(); }

std::set<std::string> SimTaskManager::jobs() const {
  std::set<std::string> jobs;
  for (const auto& [slot, job] : slot_jobs_) jobs.insert(job);
  return jobs;
}

void SimTaskManager::attach(jobmanager::LinkEvents events, const Incarnation& wanted, const void* link) {
  links_[link] = {std::move(events), wanted};
  scope_.start("connect", connect_later(link));
}

void SimTaskManager::detach(const void* link) { links_.erase(link); }

Async<void> SimTaskManager::connect_later(const void* link) {
  co_await clock_.sleep_for(some_time(100));
  auto found = links_.find(link);
  if (found == links_.end()) co_return;
  const Link entry = found->second;
  if (alive_ && incarnation_ == entry.wanted) {
    entry.events.connected();
  } else {
    entry.events.lost("another incarnation answers");
  }
}

/// A call on its way here and its answer on its way back.
Async<Result<void>> SimTaskManager::travel(SteadyTime deadline) {
  co_await clock_.sleep_for(some_time(50));
  if (!alive_) co_return Error::external(ErrorCode::unavailable, "no connection");
  if (hangs_) {
    co_await clock_.sleep_until(deadline);
    co_return Error::external(ErrorCode::deadline_exceeded, "no answer in time");
  }
  co_return Result<void>();
}

Async<proto::DeployReply> SimTaskManager::deploy(proto::DeployRequest request, SteadyTime deadline) {
  CO_TRY_VOID(co_await travel(deadline));
  const Incarnation incarnation = incarnation_;
  // Fetching and starting takes time in which anything may happen.
  co_await clock_.sleep_for(some_time(500));
  if (is_gone(incarnation)) co_return Error::external(ErrorCode::unavailable, "the connection ended");
  proto::DeployReply reply;
  if (chance(mischief_.deploy_refused)) {
    rpc::encode_error(Error::external(ErrorCode::io, "no space left on the device"), *reply.mutable_refusal());
    co_return reply;
  }
  const plan::Generation generation = plan::decode_generation(request.generation());
  for (const auto& task : testing::placed_tasks(request)) {
    if (task.slot >= slots_) broken_promises_.push_back(name_ + ": a task for a slot that does not exist");
    auto [holder, fresh] = slot_jobs_.emplace(task.slot, request.job());
    if (!fresh && holder->second != request.job()) broken_promises_.push_back(name_ + ": a slot was given to two jobs");
    const std::string execution = task.execution.to_bytes();
    auto [known, is_new] = tasks_.emplace(execution, Task{request.job(), generation, task.slot});
    if (known->second.slot != task.slot) broken_promises_.push_back(name_ + ": an execution was given two slots");
    if (is_new) scope_.start("task", run_task(incarnation_, execution));
  }
  if (chance(mischief_.call_lost)) co_return Error::external(ErrorCode::unavailable, "the connection ended");
  co_return reply;
}

Async<proto::CancelTasksReply> SimTaskManager::cancel_tasks(proto::CancelTasksRequest request, SteadyTime deadline) {
  CO_TRY_VOID(co_await travel(deadline));
  proto::CancelTasksReply reply;
  for (const auto& execution : request.executions()) {
    auto found = tasks_.find(execution);
    if (found == tasks_.end()) reply.add_unknown(execution);
    if (found == tasks_.end() || found->second.over) continue;
    if (chance(mischief_.ignores_cancel)) continue;
    found->second.over = true;
    say(execution, proto::CANCELED, false);
  }
  if (chance(mischief_.call_lost)) co_return Error::external(ErrorCode::unavailable, "the connection ended");
  co_return reply;
}

Async<proto::EndJobReply> SimTaskManager::end_job(proto::EndJobRequest request, SteadyTime deadline) {
  CO_TRY_VOID(co_await travel(deadline));
  end_worker(request.job(), plan::decode_generation(request.generation()));
  if (chance(mischief_.call_lost)) co_return Error::external(ErrorCode::unavailable, "the connection ended");
  proto::EndJobReply reply;
  co_return reply;
}

void SimTaskManager::end_worker(const std::string& job, const plan::Generation& generation) {
  std::erase_if(tasks_,
                [&](const auto& entry) { return entry.second.job == job && entry.second.generation <= generation; });
  std::erase_if(slot_jobs_, [&](const auto& entry) { return entry.second == job; });
}

bool SimTaskManager::runs(const ExecutionId& execution) const {
  const auto found = tasks_.find(execution.to_bytes());
  return alive_ && found != tasks_.end() && !found->second.over;
}

Async<proto::ListLogsReply> SimTaskManager::list_logs(proto::ListLogsRequest, SteadyTime) {
  co_return Error::user(ErrorCode::not_found, "no logs");
}
Async<proto::ReadLogReply> SimTaskManager::read_log(proto::ReadLogRequest, SteadyTime) {
  co_return Error::user(ErrorCode::not_found, "no logs");
}

void SimTaskManager::say(const std::string& execution, int state, bool failed) {
  auto found = tasks_.find(execution);
  if (found != tasks_.end()) reports_.push_back({found->second.job, execution, state, failed});
}

Async<void> SimTaskManager::run_task(Incarnation incarnation, std::string execution) {
  for (int state : {proto::INITIALIZING, proto::RUNNING, proto::FINISHED}) {
    co_await clock_.sleep_for(some_time(state == proto::FINISHED ? 5'000 : 100));
    if (is_gone(incarnation)) co_return;
    auto found = tasks_.find(execution);
    if (found == tasks_.end() || found->second.over) co_return;
    const bool fails = chance(mischief_.task_fails);
    if (state == proto::FINISHED && !fails && chance(mischief_.task_never_ends)) co_return;
    found->second.over = fails || state == proto::FINISHED;
    say(execution, fails ? proto::FAILED : state, fails);
    if (found->second.over) co_return;
  }
}

/// Reports in order, each until it has been answered.
Async<void> SimTaskManager::send_reports(Incarnation incarnation) {
  for (;;) {
    co_await clock_.sleep_for(some_time(60));
    if (is_gone(incarnation)) co_return;
    while (!reports_.empty() && !hangs_) {
      const Report report = reports_.front();
      proto::TaskStatusRequest request;
      request.set_task_manager_id(name_);
      request.set_incarnation(incarnation_.to_bytes());
      request.set_job(report.job);
      auto& sent = *request.add_reports();
      sent.mutable_address()->set_execution(report.execution);
      sent.set_status(static_cast<proto::TaskStatus>(report.state));
      if (report.failed) sent.mutable_failure()->set_message("boom");
      const SteadyTime deadline = clock_.now() + kCallTimeout;
      auto reply = co_await job_manager_.task_status(std::move(request), deadline);
      if (is_gone(incarnation)) co_return;
      if (!reply.ok() || chance(mischief_.report_doubled)) break;  // The same once more, later.
      reports_.pop_front();
    }
  }
}

void SimTaskManager::end_strangers(const proto::HeartbeatReply& reply) {
  for (const auto& entry : reply.end_tasks()) {
    for (std::size_t at = 0; at < entry.executions().size(); at += 16) {
      const auto found = tasks_.find(entry.executions().substr(at, 16));
      if (found != tasks_.end()) found->second.over = true;
    }
  }
}

Async<void> SimTaskManager::live(Incarnation incarnation) {
  bool registered = false;
  for (;;) {
    co_await clock_.sleep_for(some_time(100));
    if (is_gone(incarnation)) co_return;
    if (!hangs_ && !registered) {
      proto::RegisterRequest request;
      request.set_task_manager_id(name_);
      request.set_incarnation(incarnation_.to_bytes());
      request.set_host("host");
      request.set_rpc_port(static_cast<std::uint32_t>(std::stoul(name_.substr(2))));
      request.set_data_port(1);
      request.set_slots(slots_);
      for (const auto& [execution, task] : tasks_) {
        auto& worker = *request.add_workers();
        worker.set_job(task.job);
        plan::encode_generation(task.generation, *worker.mutable_generation());
      }
      const SteadyTime deadline = clock_.now() + kCallTimeout;
      auto reply = co_await job_manager_.register_task_manager(std::move(request), deadline);
      if (is_gone(incarnation)) co_return;
      if (reply.ok()) {
        registered = true;
        ++registrations_;
        for (const auto& worker : reply->end_workers())
          end_worker(worker.job(), plan::decode_generation(worker.generation()));
      }
      continue;
    }
    if (!hangs_) {
      proto::HeartbeatRequest request;
      request.set_task_manager_id(name_);
      request.set_incarnation(incarnation_.to_bytes());
      request.set_reports_wait(!reports_.empty());
      std::map<std::string, std::string> live;
      for (const auto& [execution, task] : tasks_)
        if (!task.over) live[task.job] += execution;
      for (const auto& [job, executions] : live) {
        auto& entry = *request.add_tasks();
        entry.set_job(job);
        entry.set_executions(executions);
      }
      const SteadyTime deadline = clock_.now() + kCallTimeout;
      auto reply = co_await job_manager_.heartbeat(std::move(request), deadline);
      if (is_gone(incarnation)) co_return;
      if (reply.ok()) end_strangers(*reply);
      registered = reply.ok() && reply->known();
    }
    co_await clock_.sleep_for(kHeartbeat);
    if (is_gone(incarnation)) co_return;
  }
}

}  // namespace weir::sim

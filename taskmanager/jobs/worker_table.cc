#include "taskmanager/jobs/worker_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/async/deadline.h"
#include "common/base/ensure.h"
#include "proto/job_manager.pb.h"
#include "proto/task_manager.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::chrono::seconds kMemoryInterval{1};

}  // namespace

WorkerTable::WorkerTable(const WorkerHandleContext& context)
    : context_(context),
      one_ended_(context.executor),
      changed_(context.executor),
      endings_(context.executor, "ending workers"),
      scope_(context.executor, "workers") {}

WorkerTable::~WorkerTable() { ENSURE(workers_.empty() && ending_.empty(), "workers are left"); }

void WorkerTable::start() { scope_.start("memory watch", watch_memory()); }

Async<Result<WorkerHandle*>> WorkerTable::take(plan::JobWorker worker) {
  for (;;) {
    if (WorkerHandle* const known = find(worker.job)) {
      if (known->worker().generation > worker.generation) {
        const Error newer = Error::external(
            ErrorCode::fenced,
            fmt::format("job {} has a worker of a later deployment here: epoch {}, generation {}", worker.job,
                        known->worker().generation.epoch, known->worker().generation.number));
        co_return newer;
      }
      if (known->worker() == worker && !known->has_ended()) co_return known;
      end(worker.job);
    }
    const bool is_alone =
        std::ranges::none_of(ending_, [&](const auto& entry) { return entry.second->worker().job == worker.job; });
    if (is_alone) break;
    co_await wait_ended(worker.job);
  }
  auto made = std::make_unique<WorkerHandle>(context_, worker, ++started_);
  WorkerHandle* const fresh = made.get();
  workers_[worker.job] = std::move(made);
  changed_.set();
  changed_.reset();
  co_return fresh;
}

Async<void> WorkerTable::wait_ended(JobId job) {
  while (std::ranges::any_of(ending_, [&](const auto& entry) { return entry.second->worker().job == job; })) {
    co_await one_ended_.wait();
  }
}

WorkerHandle* WorkerTable::find(const JobId& job) {
  const auto found = workers_.find(job);
  return found == workers_.end() ? nullptr : found->second.get();
}

void WorkerTable::end(const JobId& job) {
  auto node = workers_.extract(job);
  if (node.empty()) return;
  const std::uint64_t number = ++ended_;
  ending_.emplace(number, std::move(node.mapped()));
  endings_.start("end job " + job.to_hex(), end_one(number));
}

Async<void> WorkerTable::end_one(std::uint64_t number) {
  co_await ending_.at(number)->end();
  ending_.erase(number);
  one_ended_.set();
  one_ended_.reset();
}

Async<void> WorkerTable::close() {
  while (!workers_.empty()) end(workers_.begin()->first);
  co_await endings_.wait_until_empty();
  co_await endings_.close();
  co_await scope_.close();
}

Async<Result<void>> WorkerTable::wait_for(JobId job, SteadyTime deadline) {
  while (find(job) == nullptr) {
    auto wait = [](Event& event) -> Async<Result<void>> {
      co_await event.wait();
      co_return Result<void>();
    };
    auto work = with_deadline<void>(context_.clock, deadline, "a deployment", wait(changed_));
    const auto result = co_await std::move(work);
    if (!result.ok()) co_return Error::external(ErrorCode::not_found, "the job has no worker here: " + job.to_hex());
  }
  co_return Result<void>();
}

std::vector<plan::JobWorker> WorkerTable::workers() const {
  std::vector<plan::JobWorker> workers;
  for (const auto& [job, worker] : workers_) workers.push_back(worker->worker());
  return workers;
}

std::map<JobId, std::vector<ExecutionId>> WorkerTable::live_executions() const {
  std::map<JobId, std::vector<ExecutionId>> all;
  for (const auto& [job, worker] : workers_) all.emplace(job, worker->live_executions());
  return all;
}

std::vector<proto::TaskCounters> WorkerTable::counters() const {
  std::vector<proto::TaskCounters> all;
  for (const auto& [job, worker] : workers_)
    all.insert(all.end(), worker->counters().begin(), worker->counters().end());
  return all;
}

std::uint64_t WorkerTable::resident_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [job, worker] : workers_) bytes += worker->resident_bytes();
  return bytes;
}

Async<void> WorkerTable::watch_memory() {
  for (;;) {
    co_await context_.clock.sleep_for(kMemoryInterval);
    for (const auto& [job, worker] : workers_) worker->check_memory();
  }
}

}  // namespace weir::taskmanager

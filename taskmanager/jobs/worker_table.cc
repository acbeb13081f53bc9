#include "taskmanager/jobs/worker_table.h"

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
      changed_(context.executor),
      endings_(context.executor, "ending workers"),
      scope_(context.executor, "workers") {}

WorkerTable::~WorkerTable() { ENSURE(workers_.empty() && ending_.empty(), "workers are left"); }

void WorkerTable::start() { scope_.start("memory watch", watch_memory()); }

WorkerHandle& WorkerTable::current(const JobId& job) {
  auto found = workers_.find(job);
  if (found != workers_.end() && !found->second->has_ended()) return *found->second;
  if (found != workers_.end()) end(job);
  auto& worker = workers_[job] = std::make_unique<WorkerHandle>(context_, job, ++started_);
  changed_.set();
  changed_.reset();
  return *worker;
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
}

Async<void> WorkerTable::close() {
  for (const JobId& job : jobs()) end(job);
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

std::vector<JobId> WorkerTable::jobs() const {
  std::vector<JobId> jobs;
  for (const auto& [job, worker] : workers_) jobs.push_back(job);
  return jobs;
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

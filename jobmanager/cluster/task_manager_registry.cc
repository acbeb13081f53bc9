#include "jobmanager/cluster/task_manager_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/ensure.h"
#include "common/observe/log.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

namespace {

constexpr std::size_t kSupersededMax = 16;  // of one id: more that come back are taken for new

}  // namespace

TaskManagerRegistry::TaskManagerRegistry(asio::any_io_executor executor, Clock& clock, TaskManagerDialler& dialler,
                                         SlotPool& slots, RegistryOptions options)
    : clock_(clock),
      dialler_(dialler),
      slots_(slots),
      options_(options),
      closing_(executor, "links of lost TaskManagers"),
      scope_(executor, "TaskManager registry") {}

void TaskManagerRegistry::start(TaskManagerListener& listener) {
  listener_ = &listener;
  scope_.start("watch heartbeats", watch_heartbeats());
}

Async<void> TaskManagerRegistry::close(SteadyTime deadline) {
  // The watch never ends by itself, so one coroutine left is none left.
  while (scope_.size() > 1 && clock_.now() < deadline) co_await clock_.sleep_for(std::chrono::milliseconds(10));
  co_await scope_.close();
  while (!entries_.empty()) {
    closing_.start("close link", close_link(std::move(entries_.back()->link)));
    slots_.remove(entries_.back()->description.id);
    entries_.pop_back();
  }
  co_await closing_.wait_until_empty();
  co_await closing_.close();
}

Result<std::vector<plan::JobWorker>> TaskManagerRegistry::add(TaskManagerDescription description,
                                                              const std::vector<plan::JobWorker>& workers) {
  if (description.host.empty() || description.rpc_port == 0 || description.slots == 0 || description.id.is_none()) {
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("TaskManager '{}' registers with host '{}', rpc port {} and {} slots: each is needed",
                    description.id, description.host, description.rpc_port, description.slots));
  }
  RegisteredTaskManager* entry = find_incarnation(description.id, description.incarnation);
  if (entry != nullptr &&
      (entry->description.host != description.host || entry->description.rpc_port != description.rpc_port ||
       entry->description.slots != description.slots)) {
    lose(description.id, fmt::format("TaskManager with id {} registered again with another address.", description.id));
    entry = nullptr;
  }
  if (entry == nullptr) {
    std::vector<Incarnation> superseded;
    if (const RegisteredTaskManager* other = find(description.id); other != nullptr) {
      if (std::ranges::find(other->superseded, description.incarnation) != other->superseded.end()) {
        return Error::user(
            ErrorCode::already_exists,
            fmt::format("the TaskManager id {} belongs to a process that registered later, from {}:{}; give each "
                        "TaskManager an id of its own (taskmanager.resource-id)",
                        description.id, other->description.host, other->description.rpc_port));
      }
      superseded = other->superseded;
      if (superseded.size() == kSupersededMax) superseded.erase(superseded.begin());
      superseded.push_back(other->description.incarnation);
      lose(description.id, fmt::format("TaskManager with id {} was restarted.", description.id));
    }
    entry = entries_.emplace_back(std::make_unique<RegisteredTaskManager>()).get();
    entry->description = std::move(description);
    entry->superseded = std::move(superseded);
    entry->reconciliation = std::make_unique<Reconciliation>(options_.heartbeat_timeout);
    entry->registered_at = clock_.now();
    LOG_INFO("TaskManager {} registered: {}:{}, {} slots", entry->description.id, entry->description.host,
             entry->description.rpc_port, entry->description.slots);
    dial(*entry);
  }
  entry->last_heartbeat = clock_.now();
  entry->last_heartbeat_wall = clock_.wall_now();
  std::vector<plan::JobWorker> strangers;
  for (const auto& worker : workers) {
    if (!slots_.holds(worker.job, entry->description.id)) strangers.push_back(worker);
  }
  return strangers;
}

void TaskManagerRegistry::dial(RegisteredTaskManager& entry) {
  const TaskManagerId id = entry.description.id;
  const Incarnation incarnation = entry.description.incarnation;
  LinkEvents events;
  events.connected = [this, id, incarnation] { on_connected(id, incarnation); };
  events.lost = [this, id, incarnation](const std::string& reason) {
    if (find_incarnation(id, incarnation) == nullptr) return;
    LOG_WARN("TaskManager {} is lost: {}", id, reason);
    lose(id, fmt::format("TaskManager with id {} is no longer reachable.", id));
  };
  entry.link = dialler_.dial(entry.description, std::move(events));
}

void TaskManagerRegistry::on_connected(const TaskManagerId& id, const Incarnation& incarnation) {
  RegisteredTaskManager* entry = find_incarnation(id, incarnation);
  if (entry == nullptr || entry->is_connected) return;
  entry->is_connected = true;
  slots_.add(id, entry->description.slots);
  listener_->on_slots_available();
}

bool TaskManagerRegistry::heartbeat(const TaskManagerId& id, const Incarnation& incarnation,
                                    std::uint64_t resident_bytes) {
  RegisteredTaskManager* entry = find_incarnation(id, incarnation);
  if (entry == nullptr) return false;
  entry->last_heartbeat = clock_.now();
  entry->last_heartbeat_wall = clock_.wall_now();
  entry->resident_bytes = resident_bytes;
  return true;
}

Differences TaskManagerRegistry::reconcile(const TaskManagerId& id, const Belief& believed,
                                           const std::set<JobExecution>& reported) {
  const RegisteredTaskManager* entry = find(id);
  if (entry == nullptr) return {};
  return entry->reconciliation->compare(believed, reported, clock_.now());
}

void TaskManagerRegistry::lose(const TaskManagerId& id, const std::string& reason) {
  auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry->description.id == id; });
  ENSURE(found != entries_.end(), "TaskManager {} is not registered", id);
  closing_.start("close link", close_link(std::move((*found)->link)));
  entries_.erase(found);
  slots_.remove(id);
  listener_->on_task_manager_lost(id, reason);
}

Async<void> TaskManagerRegistry::watch_heartbeats() {
  const auto pause = std::clamp<std::chrono::milliseconds>(
      options_.heartbeat_timeout / 10, std::chrono::milliseconds(10), std::chrono::milliseconds(1'000));
  for (;;) {
    co_await clock_.sleep_for(pause);
    const SteadyTime now = clock_.now();
    std::vector<std::pair<TaskManagerId, std::string>> gone;
    for (const auto& entry : entries_) {
      const auto& described = entry->description;
      if (now - entry->last_heartbeat > options_.heartbeat_timeout) {
        gone.emplace_back(described.id,
                          fmt::format("The heartbeat of TaskManager with id {} timed out.", described.id));
      } else if (!entry->is_connected && now - entry->registered_at > options_.heartbeat_timeout) {
        gone.emplace_back(described.id,
                          fmt::format("TaskManager with id {} can't be reached at {}:{}, which it gave as its address.",
                                      described.id, described.host, described.rpc_port));
      }
    }
    for (const auto& [id, reason] : gone) {
      LOG_WARN("{}", reason);
      lose(id, reason);
    }
  }
}

void TaskManagerRegistry::end_job(const plan::JobWorker& worker) {
  for (const auto& id : slots_.task_managers_of(worker.job)) {
    scope_.start(fmt::format("end job {} on {}", worker.job, id), end_in_background(worker, id));
  }
}

Async<void> TaskManagerRegistry::end_in_background(plan::JobWorker worker, TaskManagerId id) {
  (void)co_await end_worker(worker, std::move(id));
}

Async<bool> TaskManagerRegistry::end_worker(plan::JobWorker worker, TaskManagerId id) {
  const RegisteredTaskManager* const known = find(id);
  if (known == nullptr) co_return false;
  const Incarnation incarnation = known->description.incarnation;
  const std::vector<SlotAddress> held = slots_.slots_of(worker.job, id);
  bool is_told = false;
  for (;;) {
    RegisteredTaskManager* entry = find_incarnation(id, incarnation);
    if (entry == nullptr) co_return false;  // Lost: its slots have gone with it.
    std::shared_ptr<TaskManagerLink> link = entry->link;
    proto::EndJobRequest request;
    request.set_job(worker.job.to_bytes());
    plan::encode_generation(worker.generation, *request.mutable_generation());
    const SteadyTime deadline = clock_.now() + options_.call_timeout;
    auto reply = co_await link->gateway().end_job(std::move(request), deadline);
    if (reply.ok()) break;
    if (!is_told) LOG_WARN("TaskManager {} does not end job {}, trying on: {}", id, worker.job, reply.error().message);
    is_told = true;
    co_await clock_.sleep_for(options_.retry_delay);
  }
  if (find_incarnation(id, incarnation) == nullptr) co_return false;
  for (const SlotAddress& slot : held) slots_.release(worker.job, slot);
  listener_->on_slots_available();
  co_return true;
}

Async<void> TaskManagerRegistry::close_link(std::shared_ptr<TaskManagerLink> link) { co_await link->close(); }

bool TaskManagerRegistry::is_registered(const TaskManagerId& id, const Incarnation& incarnation) const {
  const RegisteredTaskManager* entry = find(id);
  return entry != nullptr && entry->description.incarnation == incarnation;
}

const RegisteredTaskManager* TaskManagerRegistry::find(const TaskManagerId& id) const {
  for (const auto& entry : entries_) {
    if (entry->description.id == id) return entry.get();
  }
  return nullptr;
}

RegisteredTaskManager* TaskManagerRegistry::find_incarnation(const TaskManagerId& id, const Incarnation& incarnation) {
  for (const auto& entry : entries_) {
    if (entry->description.id == id && entry->description.incarnation == incarnation) return entry.get();
  }
  return nullptr;
}

std::shared_ptr<TaskManagerLink> TaskManagerRegistry::link(const TaskManagerId& id) const {
  const RegisteredTaskManager* entry = find(id);
  return entry == nullptr ? nullptr : entry->link;
}

std::vector<const RegisteredTaskManager*> TaskManagerRegistry::all() const {
  std::vector<const RegisteredTaskManager*> entries;
  for (const auto& entry : entries_) entries.push_back(entry.get());
  return entries;
}

}  // namespace weir::jobmanager

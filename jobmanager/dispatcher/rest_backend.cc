#include "jobmanager/dispatcher/rest_backend.h"

#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <utility>

#include "common/base/text.h"
#include "common/base/try.h"
#include "common/plan/plan_json.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

namespace {

constexpr std::chrono::seconds kLogCallTimeout{10};
constexpr std::chrono::seconds kSweepPause{60};
constexpr std::uint32_t kLogPieceBytes = 1u << 20;

rest::TaskManagerDetails details_of(const RegisteredTaskManager& entry, const SlotPool& slots) {
  const TaskManagerDescription& described = entry.description;
  rest::TaskManagerDetails details;
  details.id = described.id.to_string();
  details.host = described.host;
  details.rpc_port = described.rpc_port;
  details.data_port = described.data_port;
  details.last_heartbeat = entry.last_heartbeat_wall.time_since_epoch().count();
  details.slots = static_cast<int>(described.slots);
  details.cpu_cores = static_cast<int>(described.cpu_cores);
  details.physical_memory_bytes = described.physical_memory_bytes;
  details.resident_bytes = entry.resident_bytes;
  details.memory = {described.process_bytes, described.network_bytes, described.managed_bytes, described.user_bytes};
  for (const auto& holder : slots.holders(described.id)) {
    if (holder) {
      details.allocated.push_back(*holder);
    } else {
      ++details.free_slots;
    }
  }
  return details;
}

}  // namespace

RestBackend::RestBackend(asio::any_io_executor control, Clock& clock, Dispatcher& dispatcher,
                         TaskManagerRegistry& task_managers, SlotPool& slots, BlobStore& blobs, Submission& submission,
                         std::function<void()> shut_down)
    : control_(control),
      clock_(clock),
      dispatcher_(dispatcher),
      registry_(task_managers),
      slots_(slots),
      blobs_(blobs),
      submission_(submission),
      shut_down_(std::move(shut_down)),
      scope_(control, "REST questions") {
  scope_.start("sweep artefacts", sweep_artefacts());
}

Async<void> RestBackend::close() { co_await scope_.close(); }

void RestBackend::overview(rest::Answer<rest::ClusterOverview> answer) {
  asio::post(control_, [this, answer = std::move(answer)] { answer(overview_now()); });
}

rest::ClusterOverview RestBackend::overview_now() const {
  rest::ClusterOverview overview;
  overview.task_managers = static_cast<int>(registry_.all().size());
  overview.slots_total = static_cast<int>(slots_.total());
  overview.slots_available = static_cast<int>(slots_.available());
  for (const auto& job : dispatcher_.summaries()) {
    switch (job.status) {
      case rest::JobStatus::finished: ++overview.jobs_finished; break;
      case rest::JobStatus::canceled: ++overview.jobs_cancelled; break;
      case rest::JobStatus::failed: ++overview.jobs_failed; break;
      default: ++overview.jobs_running;
    }
  }
  return overview;
}

void RestBackend::task_managers(rest::Answer<std::vector<rest::TaskManagerDetails>> answer) {
  asio::post(control_, [this, answer = std::move(answer)] { answer(task_managers_now()); });
}

std::vector<rest::TaskManagerDetails> RestBackend::task_managers_now() const {
  std::vector<rest::TaskManagerDetails> all;
  for (const RegisteredTaskManager* entry : registry_.all()) all.push_back(details_of(*entry, slots_));
  return all;
}

Result<std::shared_ptr<TaskManagerLink>> RestBackend::link_to(const std::string& id) const {
  auto parsed = TaskManagerId::from_string(id);
  auto link = parsed.ok() ? registry_.link(*parsed) : nullptr;
  if (link == nullptr)
    return Error::user(ErrorCode::not_found, fmt::format("TaskManager {} not found", printable(id, 255)));
  return link;
}

void RestBackend::list_logs(std::string task_manager_id, rest::Answer<std::vector<rest::LogFile>> answer) {
  asio::post(control_, [this, id = std::move(task_manager_id), answer = std::move(answer)]() mutable {
    scope_.start("list logs", answer_list_logs(std::move(id), std::move(answer)));
  });
}

Async<void> RestBackend::answer_list_logs(std::string id, rest::Answer<std::vector<rest::LogFile>> answer) {
  auto link = link_to(id);
  if (!link.ok()) co_return answer(link.error());
  proto::ListLogsRequest request;
  const SteadyTime deadline = clock_.now() + kLogCallTimeout;
  auto reply = co_await (*link)->gateway().list_logs(std::move(request), deadline);
  if (!reply.ok()) co_return answer(reply.error());
  std::vector<rest::LogFile> files;
  for (const auto& file : reply->files()) files.push_back({file.name(), file.bytes(), file.modified_ms()});
  answer(std::move(files));
}

void RestBackend::read_log(std::string task_manager_id, rest::LogChoice choice, std::uint64_t offset,
                           rest::Answer<rest::LogPiece> answer) {
  asio::post(control_, [this, id = std::move(task_manager_id), choice = std::move(choice), offset,
                        answer = std::move(answer)]() mutable {
    scope_.start("read log", answer_read_log(std::move(id), std::move(choice), offset, std::move(answer)));
  });
}

Async<void> RestBackend::answer_read_log(std::string id, rest::LogChoice choice, std::uint64_t offset,
                                         rest::Answer<rest::LogPiece> answer) {
  auto link = link_to(id);
  if (!link.ok()) co_return answer(link.error());
  proto::ReadLogRequest request;
  request.set_offset(offset);
  request.set_bytes_max(kLogPieceBytes);
  switch (choice.kind) {
    case rest::LogChoice::Kind::log: request.set_kind(proto::LOG); break;
    case rest::LogChoice::Kind::standard_output: request.set_kind(proto::STDOUT); break;
    case rest::LogChoice::Kind::named: request.set_kind(proto::NAMED); request.set_name(choice.name);
  }
  const SteadyTime deadline = clock_.now() + kLogCallTimeout;
  auto reply = co_await (*link)->gateway().read_log(std::move(request), deadline);
  if (!reply.ok()) co_return answer(reply.error());
  rest::LogPiece piece{reply->content(), reply->file_bytes()};
  answer(std::move(piece));
}

void RestBackend::shut_down(rest::Answer<void> answer) {
  asio::post(control_, [this, answer = std::move(answer)] {
    answer(Result<void>());
    shut_down_();
  });
}

void RestBackend::jobs(rest::Answer<std::vector<rest::JobSummary>> answer) {
  asio::post(control_, [this, answer = std::move(answer)] { answer(dispatcher_.summaries()); });
}

void RestBackend::job(JobId id, rest::Answer<rest::JobDetails> answer) {
  asio::post(control_, [this, id, answer = std::move(answer)] { answer(dispatcher_.details(id)); });
}

void RestBackend::cancel(JobId id, rest::Answer<void> answer) {
  asio::post(control_, [this, id, answer = std::move(answer)] { answer(dispatcher_.cancel(id)); });
}

void RestBackend::jars(rest::Answer<std::vector<rest::JarEntry>> answer) {
  asio::post(control_, [this, answer = std::move(answer)] { answer(jars_now()); });
}

std::vector<rest::JarEntry> RestBackend::jars_now() const {
  std::vector<rest::JarEntry> all;
  for (const auto& jar : blobs_.jars()) {
    rest::JarEntry shown{jar.id, jar.name, jar.uploaded.time_since_epoch().count(), {}};
    for (const auto& entry : jar.artefact.entries) shown.jobs.push_back({entry.name, entry.description});
    all.push_back(std::move(shown));
  }
  return all;
}

void RestBackend::add(http::SpooledFile file, std::string client_name, rest::Answer<std::string> answer) {
  // Shared, because what is posted must be copyable.
  auto shared = std::make_shared<http::SpooledFile>(std::move(file));
  asio::post(control_, [this, shared, name = std::move(client_name), answer = std::move(answer)]() mutable {
    scope_.start("add artefact", answer_add(std::move(shared), std::move(name), std::move(answer)));
  });
}

Async<void> RestBackend::answer_add(std::shared_ptr<http::SpooledFile> file, std::string client_name,
                                    rest::Answer<std::string> answer) {
  auto added = co_await blobs_.add(file->path(), std::move(client_name));
  co_await blobs_.discard(file->keep());
  answer(std::move(added));
}

void RestBackend::remove(std::string jar_id, rest::Answer<void> answer) {
  asio::post(control_, [this, id = std::move(jar_id), answer = std::move(answer)]() mutable {
    scope_.start("remove artefact", answer_remove(std::move(id), std::move(answer)));
  });
}

Async<void> RestBackend::answer_remove(std::string jar_id, rest::Answer<void> answer) {
  auto removed = co_await blobs_.remove(std::move(jar_id));
  answer(removed);
  std::set<std::string> in_use = dispatcher_.blobs_in_use();
  co_await blobs_.remove_unused(std::move(in_use));
}

/// An artefact whose jar was deleted while its job ran goes when the job has ended.
Async<void> RestBackend::sweep_artefacts() {
  for (;;) {
    co_await clock_.sleep_for(kSweepPause);
    std::set<std::string> in_use = dispatcher_.blobs_in_use();
    co_await blobs_.remove_unused(std::move(in_use));
  }
}

void RestBackend::plan(rest::RunRequest request, rest::Answer<std::string> answer) {
  asio::post(control_, [this, request = std::move(request), answer = std::move(answer)]() mutable {
    scope_.start("plan job", answer_plan(std::move(request), std::move(answer)));
  });
}

Async<void> RestBackend::answer_plan(rest::RunRequest request, rest::Answer<std::string> answer) {
  auto planned = co_await submission_.plan(std::move(request));
  if (!planned.ok()) co_return answer(planned.error());
  answer(plan::plan_json(planned->graph, planned->plan, planned->id.to_hex()));
}

void RestBackend::run(rest::RunRequest request, rest::Answer<JobId> answer) {
  asio::post(control_, [this, request = std::move(request), answer = std::move(answer)]() mutable {
    scope_.start("run job", answer_run(std::move(request), std::move(answer)));
  });
}

Async<void> RestBackend::answer_run(rest::RunRequest request, rest::Answer<JobId> answer) {
  auto id = co_await submission_.run(std::move(request));
  answer(std::move(id));
}

}  // namespace weir::jobmanager

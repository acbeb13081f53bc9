#include "jobmanager/backend/control_cluster_backend.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/text.h"
#include "common/base/try.h"
#include "jobmanager/backend/question.h"
#include "proto/task_manager.pb.h"

namespace weir::jobmanager {

namespace {

constexpr std::chrono::seconds kLogCallTimeout{10};
constexpr std::uint32_t kLogPieceBytes = 1u << 20;

}  // namespace

ControlClusterBackend::ControlClusterBackend(asio::any_io_executor control, Clock& clock, const Dispatcher& dispatcher,
                                             const TaskManagerRegistry& task_managers, const SlotPool& slots,
                                             std::function<void()> shut_down)
    : control_(control),
      clock_(clock),
      dispatcher_(dispatcher),
      registry_(task_managers),
      slots_(slots),
      shut_down_(std::move(shut_down)),
      scope_(control, "REST questions about the cluster") {}

void ControlClusterBackend::overview(rest::Reply<rest::Shared<ClusterOverview>> reply) {
  ask<rest::Shared<ClusterOverview>>(control_, std::move(reply), [this] { return overview_now(); });
}

rest::Shared<ClusterOverview> ControlClusterBackend::overview_now() const {
  auto overview = std::make_shared<ClusterOverview>();
  overview->task_managers = registry_.all().size();
  overview->slots_total = slots_.total();
  overview->slots_available = slots_.available();
  overview->jobs = dispatcher_.list();
  return overview;
}

void ControlClusterBackend::task_managers(rest::Reply<rest::Shared<std::vector<TaskManagerDetails>>> reply) {
  ask<rest::Shared<std::vector<TaskManagerDetails>>>(control_, std::move(reply),
                                                     [this] { return task_managers_now(); });
}

rest::Shared<std::vector<TaskManagerDetails>> ControlClusterBackend::task_managers_now() const {
  auto all = std::make_shared<std::vector<TaskManagerDetails>>();
  for (const RegisteredTaskManager* entry : registry_.all()) {
    all->push_back(
        {entry->description, entry->last_heartbeat_wall, entry->resident_bytes, slots_.holders(entry->description.id)});
  }
  return all;
}

Result<std::shared_ptr<TaskManagerLink>> ControlClusterBackend::link_to(const std::string& id) const {
  auto parsed = TaskManagerId::from_string(id);
  auto link = parsed.ok() ? registry_.link(*parsed) : nullptr;
  if (link == nullptr)
    return Error::user(ErrorCode::not_found, fmt::format("TaskManager {} not found", printable(id, 255)));
  return link;
}

void ControlClusterBackend::list_logs(std::string task_manager_id, rest::Reply<std::vector<rest::LogFile>> reply) {
  asio::post(control_, [this, id = std::move(task_manager_id), reply = std::move(reply)]() mutable {
    scope_.start("list logs", reply_with<std::vector<rest::LogFile>>(std::move(reply), log_files(std::move(id))));
  });
}

Async<std::vector<rest::LogFile>> ControlClusterBackend::log_files(std::string id) {
  CO_TRY(auto link, link_to(id));
  proto::ListLogsRequest request;
  const SteadyTime deadline = clock_.now() + kLogCallTimeout;
  CO_TRY(const auto reply, co_await link->gateway().list_logs(std::move(request), deadline));
  std::vector<rest::LogFile> files;
  for (const auto& file : reply.files()) {
    rest::LogFile shown{file.name(), file.bytes(), WallTime(std::chrono::milliseconds(file.modified_ms()))};
    files.push_back(std::move(shown));
  }
  co_return files;
}

void ControlClusterBackend::read_log(std::string task_manager_id, rest::LogChoice choice, std::uint64_t offset,
                                     rest::Reply<rest::LogPiece> reply) {
  asio::post(control_, [this, id = std::move(task_manager_id), choice = std::move(choice), offset,
                        reply = std::move(reply)]() mutable {
    scope_.start("read log", reply_with<rest::LogPiece>(std::move(reply), log_piece(std::move(id), choice, offset)));
  });
}

Async<rest::LogPiece> ControlClusterBackend::log_piece(std::string id, rest::LogChoice choice, std::uint64_t offset) {
  CO_TRY(auto link, link_to(id));
  proto::ReadLogRequest request;
  request.set_offset(offset);
  request.set_bytes_max(kLogPieceBytes);
  switch (choice.kind) {
    case rest::LogChoice::Kind::log: request.set_kind(proto::LOG); break;
    case rest::LogChoice::Kind::standard_output: request.set_kind(proto::STDOUT); break;
    case rest::LogChoice::Kind::named: request.set_kind(proto::NAMED); request.set_name(choice.name);
  }
  const SteadyTime deadline = clock_.now() + kLogCallTimeout;
  CO_TRY(const auto reply, co_await link->gateway().read_log(std::move(request), deadline));
  rest::LogPiece piece{reply.content(), reply.file_bytes()};
  co_return piece;
}

void ControlClusterBackend::shut_down(rest::Reply<void> reply) {
  asio::post(control_, [this, reply = std::move(reply)] {
    reply(Result<void>());
    shut_down_();
  });
}

}  // namespace weir::jobmanager

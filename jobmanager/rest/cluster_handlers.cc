#include "jobmanager/rest/cluster_handlers.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "jobmanager/rest/reply.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

/// The zone as it is at a moment: summer time comes and goes while the daemon runs.
TimeZone zone_at(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  TimeZone zone;
  if (::localtime_r(&seconds, &parts) == nullptr || parts.tm_gmtoff == 0) return zone;
  zone.name = parts.tm_zone;
  zone.offset_ms = std::int64_t{parts.tm_gmtoff} * 1000;
  return zone;
}

}  // namespace

void get_config(Call call, http::Responder responder) {
  responder.answer(json_response(200, config_view(call.services.settings, zone_at(call.services.now()))));
}

void get_overview(Call call, http::Responder responder) {
  const RestSettings& settings = call.services.settings;
  call.services.cluster.overview(render_json<ClusterOverview>(
      std::move(responder),
      [&settings](const ClusterOverview& overview) { return overview_view(overview, settings); }));
}

void delete_cluster(Call call, http::Responder responder) {
  call.services.cluster.shut_down(reply_empty(std::move(responder), 200));
}

void get_datasets(Call, http::Responder responder) { responder.answer(json_response(200, R"({"dataSets":[]})")); }

void get_task_managers(Call call, http::Responder responder) {
  call.services.cluster.task_managers(
      render_json<std::vector<TaskManagerDetails>>(std::move(responder), task_managers_view));
}

void get_task_manager(Call call, http::Responder responder) {
  using TaskManagers = std::vector<TaskManagerDetails>;
  auto view = [id = call.parameter("taskmanagerid")](const TaskManagers& all) {
    auto found = std::find_if(all.begin(), all.end(),
                              [&](const TaskManagerDetails& one) { return one.description.id.to_string() == id; });
    if (found != all.end()) return json_response(200, task_manager_view(*found));
    // Flink 1.20 answers 500 here, as for everything that its resource manager throws; the fault is the client's.
    return http::error_response(404, {fmt::format("No TaskManager is registered under {}.", id)});
  };
  call.services.cluster.task_managers(render_shared<TaskManagers>(std::move(responder), view));
}

void get_job_manager_config(Call call, http::Responder responder) {
  responder.answer(json_response(200, configuration_view(call.services.settings.configuration)));
}

void get_job_manager_environment(Call call, http::Responder responder) {
  responder.answer(json_response(200, environment_view(call.services.settings)));
}

}  // namespace weir::jobmanager::rest

#include "jobmanager/rest/metrics_handlers.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "common/base/try.h"
#include "jobmanager/rest/job_lookup.h"
#include "jobmanager/rest/metrics.h"
#include "jobmanager/rest/parameters.h"
#include "jobmanager/rest/query_lists.h"
#include "jobmanager/rest/reply.h"

namespace weir::jobmanager::rest {

namespace {

using TaskManagers = std::vector<TaskManagerDetails>;

std::size_t entries_of(const char* directory) {
  std::error_code ignored;
  std::filesystem::directory_iterator entries(directory, ignored);
  return ignored
             ? 0
             : static_cast<std::size_t>(std::distance(std::filesystem::begin(entries), std::filesystem::end(entries)));
}

ProcessUse process_use() {
  ProcessUse use;
  std::uint64_t pages = 0;
  std::ifstream file("/proc/self/statm");
  if (file >> pages >> pages) use.resident_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto ns = [](const timeval& time) {
      return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_usec) * 1'000;
    };
    use.cpu_ns = ns(usage.ru_utime) + ns(usage.ru_stime);
  }
  use.threads = static_cast<int>(entries_of("/proc/self/task"));
  use.open_files = static_cast<int>(entries_of("/proc/self/fd"));
  return use;
}

/// What the query selects, or nothing after an answer that says what is wrong with it.
std::optional<MetricSelection> selected(const Call& call, http::Responder& responder) {
  Result<MetricSelection> selection = selection_of(call.target.query);
  if (selection.ok()) return std::move(*selection);
  responder.answer(error_response_of(selection.error()));
  return std::nullopt;
}

/// What a list parameter names.
using Wanted = std::optional<std::set<std::string>>;
Result<Wanted> wanted_of(const http::Query& query, std::string_view name) {
  TRY(auto items, list_of(query, name));
  if (!items) return Wanted();
  return Wanted(std::set<std::string>(items->begin(), items->end()));
}
bool is_wanted(const Wanted& wanted, const std::string& id) { return !wanted || wanted->contains(id); }

}  // namespace

void get_job_manager_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  call.services.cluster.overview(render_json<ClusterOverview>(
      std::move(responder), [selection = std::move(*selection)](const ClusterOverview& overview) {
        return metrics_view(metrics_of(overview, process_use()), selection);
      }));
}

void get_task_manager_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  auto view = [id = call.parameter("taskmanagerid"), selection = std::move(*selection)](const TaskManagers& all) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const TaskManagerDetails& one) { return one.description.id.to_string() == id; });
    if (found != all.end()) return json_response(200, metrics_view(metrics_of(*found), selection));
    return not_found(fmt::format("No TaskManager is registered under {}.", id));
  };
  call.services.cluster.task_managers(render_shared<TaskManagers>(std::move(responder), view));
}

void get_all_task_manager_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  Result<Wanted> wanted = wanted_of(call.target.query, "taskmanagers");
  if (!wanted.ok()) return responder.answer(error_response_of(wanted.error()));
  auto view = [wanted = std::move(*wanted), selection = std::move(*selection)](const TaskManagers& all) {
    std::vector<Metrics> owners;
    for (const TaskManagerDetails& one : all)
      if (is_wanted(wanted, one.description.id.to_string())) owners.push_back(metrics_of(one));
    return aggregated_view(owners, selection);
  };
  call.services.cluster.task_managers(render_json<TaskManagers>(std::move(responder), view));
}

void get_job_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  with_job(call, std::move(responder), [selection = std::move(*selection)](const JobDetails& job, WallTime now) {
    return json_response(200, metrics_view(metrics_of(job, now), selection));
  });
}

void get_all_job_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  Result<Wanted> wanted = wanted_of(call.target.query, "jobs");
  if (!wanted.ok()) return responder.answer(error_response_of(wanted.error()));
  for (const std::string& id : wanted->value_or(std::set<std::string>()))
    if (!JobId::from_hex(id).ok()) return responder.answer(error_response_of(bad_query_parameter("jobs", id)));
  using Jobs = std::vector<Shared<JobDetails>>;
  auto view =
      [wanted = std::move(*wanted), selection = std::move(*selection), now = call.services.now](const Jobs& all) {
    std::vector<Metrics> owners;
    for (const auto& job : all)
      if (is_wanted(wanted, job->facts->id.to_hex())) owners.push_back(metrics_of(*job, now()));
    return json_response(200, aggregated_view(owners, selection));
  };
  call.services.jobs.all_details(render<Jobs>(std::move(responder), view));
}

void get_vertex_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  with_vertex(call, std::move(responder), [selection = std::move(*selection)](const VertexDetails& vertex, WallTime) {
    return json_response(200, metrics_view(metrics_of(vertex), selection));
  });
}

// No operator has a part in the JobManager: user code never runs there.
void get_vertex_job_manager_metrics(Call call, http::Responder responder) {
  with_vertex(call, std::move(responder), [](const VertexDetails&, WallTime) { return json_response(200, "[]"); });
}

void get_vertex_subtask_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  Result<std::optional<IndexSet>> wanted = indices_of(call.target.query, "subtasks");
  if (!wanted.ok()) return responder.answer(error_response_of(wanted.error()));
  with_vertex(call, std::move(responder),
              [wanted = std::move(*wanted), selection = std::move(*selection)](const VertexDetails& vertex, WallTime) {
    std::vector<Metrics> owners;
    for (const SubtaskDetails& subtask : vertex.subtasks)
      if (!wanted || wanted->contains(static_cast<int>(subtask.subtask))) owners.push_back(metrics_of(subtask));
    return json_response(200, aggregated_view(owners, selection));
  });
}

void get_subtask_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  with_subtask(call, std::move(responder),
               [selection = std::move(*selection)](const SubtaskDetails& subtask, WallTime) {
    return json_response(200, metrics_view(metrics_of(subtask), selection));
  });
}

}  // namespace weir::jobmanager::rest

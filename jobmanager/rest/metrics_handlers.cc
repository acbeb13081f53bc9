#include "jobmanager/rest/metrics_handlers.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "jobmanager/rest/job_lookup.h"
#include "jobmanager/rest/metrics.h"
#include "jobmanager/rest/parameters.h"
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

bool is_wanted(const std::optional<std::vector<std::string>>& wanted, const std::string& id) {
  return !wanted || std::find(wanted->begin(), wanted->end(), id) != wanted->end();
}

/// What has been heard of several jobs. Lives on: whichever thread the answers come on, one at a time.
struct JobCollection {
  http::Responder responder;
  MetricSelection selection;
  std::vector<JobSummary> jobs;
  std::size_t asked = 0;
  std::vector<Metrics> owners;
};

/// Asks for the details of one job after the other, and answers after the last.
void ask_next(const std::shared_ptr<JobCollection>& all, const RestServices& services) {
  if (all->asked == all->jobs.size())
    return all->responder.answer(json_response(200, aggregated_view(all->owners, all->selection)));
  services.jobs.job(all->jobs[all->asked++].id, [all, &services](Result<JobDetails> job) {
    if (job.ok())
      all->owners.push_back(metrics_of(*job, services.now()));  // one that has gone meanwhile counts for nothing
    ask_next(all, services);
  });
}

}  // namespace

void get_job_manager_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  call.services.cluster.overview(reply_json<ClusterOverview>(
      std::move(responder), [selection = std::move(*selection)](const ClusterOverview& overview) {
        return metrics_view(metrics_of(overview, process_use()), selection);
      }));
}

void get_task_manager_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  auto view = [id = call.parameter("taskmanagerid"), selection = std::move(*selection)](const TaskManagers& all) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const TaskManagerDetails& one) { return one.id == id; });
    if (found != all.end()) return json_response(200, metrics_view(metrics_of(*found), selection));
    return not_found(fmt::format("No TaskManager is registered under {}.", id));
  };
  call.services.cluster.task_managers(reply<TaskManagers>(std::move(responder), view));
}

void get_all_task_manager_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  auto view = [wanted = list_of(call.target.query, "taskmanagers"),
               selection = std::move(*selection)](const TaskManagers& all) {
    std::vector<Metrics> owners;
    for (const TaskManagerDetails& one : all)
      if (is_wanted(wanted, one.id)) owners.push_back(metrics_of(one));
    return aggregated_view(owners, selection);
  };
  call.services.cluster.task_managers(reply_json<TaskManagers>(std::move(responder), view));
}

void get_job_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  with_job(call, std::move(responder), [selection = std::move(*selection)](const JobDetails& job, Timestamp now) {
    return json_response(200, metrics_view(metrics_of(job, now), selection));
  });
}

void get_all_job_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  const auto wanted = list_of(call.target.query, "jobs");
  for (const std::string& id : wanted.value_or(std::vector<std::string>()))
    if (!JobId::from_hex(id).ok()) return responder.answer(error_response_of(bad_query_parameter("jobs", id)));
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  const RestServices& services = call.services;
  services.jobs.jobs(
      [shared, wanted, selection = std::move(*selection), &services](Result<std::vector<JobSummary>> jobs) mutable {
    if (!jobs.ok()) return shared->answer(error_response_of(jobs.error()));
    std::erase_if(*jobs, [&](const JobSummary& job) { return !is_wanted(wanted, job.id.to_hex()); });
    ask_next(std::make_shared<JobCollection>(
                 JobCollection{std::move(*shared), std::move(selection), std::move(*jobs), 0, {}}),
             services);
  });
}

void get_vertex_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  with_vertex(call, std::move(responder), [selection = std::move(*selection)](const VertexDetails& vertex, Timestamp) {
    return json_response(200, metrics_view(metrics_of(vertex), selection));
  });
}

// No operator has a part in the JobManager: user code never runs there.
void get_vertex_job_manager_metrics(Call call, http::Responder responder) {
  with_vertex(call, std::move(responder), [](const VertexDetails&, Timestamp) { return json_response(200, "[]"); });
}

void get_vertex_subtask_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  Result<std::optional<std::vector<int>>> wanted = ranges_of(call.target.query, "subtasks");
  if (!wanted.ok()) return responder.answer(error_response_of(wanted.error()));
  with_vertex(call, std::move(responder),
              [wanted = std::move(*wanted), selection = std::move(*selection)](const VertexDetails& vertex, Timestamp) {
    std::vector<Metrics> owners;
    for (const SubtaskDetails& subtask : vertex.subtasks)
      if (!wanted || std::find(wanted->begin(), wanted->end(), subtask.subtask) != wanted->end())
        owners.push_back(metrics_of(subtask));
    return json_response(200, aggregated_view(owners, selection));
  });
}

void get_subtask_metrics(Call call, http::Responder responder) {
  auto selection = selected(call, responder);
  if (!selection) return;
  with_subtask(call, std::move(responder),
               [selection = std::move(*selection)](const SubtaskDetails& subtask, Timestamp) {
    return json_response(200, metrics_view(metrics_of(subtask), selection));
  });
}

}  // namespace weir::jobmanager::rest

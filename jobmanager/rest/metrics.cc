#include "jobmanager/rest/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "common/base/try.h"
#include "jobmanager/rest/parameters.h"
#include "jobmanager/rest/query_lists.h"

namespace weir::jobmanager::rest {

namespace {

constexpr std::string_view kAggregations[] = {"min", "max", "avg", "sum", "skew"};

std::string text_of(std::uint64_t number) { return fmt::format("{}", number); }
std::string text_of(std::int64_t number) { return fmt::format("{}", number); }
std::string text_of(int number) { return fmt::format("{}", number); }
std::string text_of(bool flag) { return flag ? "true" : "false"; }
/// As Java writes a double of ordinary size: "1000.0".
std::string text_of(double number) {
  std::string text = fmt::format("{}", number);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(std::min(part, whole)) / static_cast<double>(whole);
}

/// Flink's characters for a name within a metric's: what separates names in it becomes a line.
std::string cleaned(std::string name) {
  for (char& character : name)
    if (character == ' ' || character == ':' || character == ',') character = '_';
  return name;
}

void add_task(Metrics& metrics, const SubtaskDetails& subtask, const std::string& prefix) {
  const TaskCounters& count = subtask.counters;
  const TaskRates& rate = subtask.rates;
  const auto add = [&](std::string_view id, std::string value) {
    metrics.push_back({prefix + std::string(id), std::move(value)});
  };
  const auto milliseconds = [](double per_second) {
    return text_of(static_cast<std::int64_t>(std::llround(per_second)));
  };
  add("numRecordsIn", text_of(count.records_in));
  add("numRecordsInPerSecond", text_of(rate.records_in));
  add("numRecordsOut", text_of(count.records_out));
  add("numRecordsOutPerSecond", text_of(rate.records_out));
  add("numBytesIn", text_of(count.bytes_in));
  add("numBytesInPerSecond", text_of(rate.bytes_in));
  add("numBytesOut", text_of(count.bytes_out));
  add("numBytesOutPerSecond", text_of(rate.bytes_out));
  add("numBuffersIn", text_of(count.blocks_in));
  add("numBuffersInPerSecond", text_of(rate.blocks_in));
  add("numBuffersOut", text_of(count.blocks_out));
  add("numBuffersOutPerSecond", text_of(rate.blocks_out));
  // Of a task that does not run nobody can say how busy it is; Flink says so, too.
  add("busyTimeMsPerSecond", subtask.status == TaskStatus::running ? text_of(std::round(rate.busy_ms)) : "NaN");
  add("idleTimeMsPerSecond", milliseconds(rate.idle_ms));
  add("backPressuredTimeMsPerSecond", milliseconds(rate.backpressured_ms));
  // A task waits for room between batches, never within one: all of it is what Flink calls soft.
  add("softBackPressuredTimeMsPerSecond", milliseconds(rate.backpressured_ms));
  add("hardBackPressuredTimeMsPerSecond", "0");
  add("isBackPressured", text_of(rate.backpressured_ms > 0));
  add("accumulateBusyTimeMs", text_of(count.busy_ms));
  add("accumulateIdleTimeMs", text_of(count.idle_ms));
  add("accumulateBackPressuredTimeMs", text_of(count.backpressured_ms));
  for (const std::string_view group : {"buffers.", "Shuffle.Netty.Input.Buffers."}) {
    add(fmt::format("{}inputQueueLength", group), text_of(count.input_queued));
    add(fmt::format("{}inPoolUsage", group), text_of(share(count.input_queued, count.input_window)));
  }
  for (const std::string_view group : {"buffers.", "Shuffle.Netty.Output.Buffers."}) {
    add(fmt::format("{}outputQueueLength", group), text_of(count.output_queued));
    add(fmt::format("{}outPoolUsage", group), text_of(share(count.output_queued, count.output_window)));
  }
  for (const auto& [name, value] : count.user) add(cleaned(name), text_of(value));
  for (const auto& [name, value] : count.gauges) add(cleaned(name), text_of(value));
}

/// Metrics by their ids; of two with one id, the first. Valid while the metrics live.
using MetricIndex = std::unordered_map<std::string_view, const Metric*>;
MetricIndex index_of(const Metrics& metrics) {
  MetricIndex index;
  index.reserve(metrics.size());
  for (const Metric& metric : metrics) index.emplace(metric.id, &metric);
  return index;
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string(text)); }

/// A number as Java writes it, "NaN" as text, as Flink's own answers have it.
std::string json_number(double number) { return std::isfinite(number) ? text_of(number) : "\"NaN\""; }

std::optional<double> number_of(std::string_view text) {
  if (text == "NaN") return std::nan("");
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The average distance from the average, in percent of it, at most 100.
double skew_of(const std::vector<double>& values, double average) {
  if (average == 0) return 0;
  double distance = 0;
  for (const double value : values) distance += std::abs(average - value);
  return std::min(distance / static_cast<double>(values.size()) / average * 100, 100.0);
}

double aggregate(std::string_view how, const std::vector<double>& values) {
  // min and max would pass over what is not a number.
  if (std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); })) return std::nan("");
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  const double average = sum / static_cast<double>(values.size());
  if (how == "min") return *std::min_element(values.begin(), values.end());
  if (how == "max") return *std::max_element(values.begin(), values.end());
  if (how == "avg") return average;
  return how == "sum" ? sum : skew_of(values, average);
}

/// All ids of several owners, each once, in the order in which they come. Valid while the metrics live.
std::vector<std::string_view> ids_of(std::span<const Metrics> owners) {
  std::vector<std::string_view> ids;
  std::unordered_set<std::string_view> seen;
  for (const Metrics& metrics : owners)
    for (const Metric& metric : metrics)
      if (seen.insert(metric.id).second) ids.push_back(metric.id);
  return ids;
}

std::string names_view(const std::vector<std::string_view>& ids) {
  std::string answer = "[";
  for (const std::string_view id : ids)
    answer += fmt::format("{}{{\"id\":{}}}", answer.size() > 1 ? "," : "", quoted(id));
  return answer + "]";
}

/// How long the job has been in a status: up to the next one, or to now.
std::int64_t time_in(const JobDetails& job, JobStatus status, WallTime now) {
  const auto& entered = time_of(job.entered, status);
  if (!entered) return 0;
  WallTime left = job.end().value_or(now);
  for (const auto& other : job.entered)
    if (other && *other > *entered) left = std::min(left, *other);
  return std::max<std::int64_t>((left - *entered).count(), 0);
}

}  // namespace

Metrics metrics_of(const SubtaskDetails& subtask) {
  Metrics metrics;
  add_task(metrics, subtask, "");
  return metrics;
}

Metrics metrics_of(const VertexDetails& vertex) {
  Metrics metrics;
  for (const SubtaskDetails& subtask : vertex.subtasks) add_task(metrics, subtask, fmt::format("{}.", subtask.subtask));
  return metrics;
}

Metrics metrics_of(const JobDetails& job, WallTime now) {
  Metrics metrics;
  const bool is_running = job.status == JobStatus::running;
  const std::int64_t up = time_in(job, JobStatus::running, now);
  // Flink's words: -1 once the job has ended well, 0 while it does not run.
  metrics.push_back({"uptime", text_of(is_running ? up : is_over(job.status) ? std::int64_t{-1} : std::int64_t{0})});
  metrics.push_back({"downtime", text_of(is_over(job.status) ? std::int64_t{-1} : std::int64_t{0})});
  metrics.push_back({"numRestarts", "0"});  // a failed job is FAILED: nothing starts it again
  metrics.push_back({"fullRestarts", "0"});
  for (const JobStatus status : {JobStatus::created, JobStatus::initializing, JobStatus::running, JobStatus::restarting,
                                 JobStatus::failing, JobStatus::cancelling}) {
    std::string name(name_of(status));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    metrics.push_back({name + "State", job.status == status ? "1" : "0"});
    metrics.push_back({name + "Time", text_of(job.status == status ? time_in(job, status, now) : std::int64_t{0})});
    metrics.push_back({name + "TimeTotal", text_of(time_in(job, status, now))});
  }
  return metrics;
}

Metrics metrics_of(const TaskManagerDetails& task_manager) {
  return {{"Status.JVM.Memory.Heap.Used", text_of(task_manager.resident_bytes)},
          {"Status.JVM.Memory.Heap.Committed", text_of(task_manager.resident_bytes)},
          {"Status.JVM.Memory.Heap.Max", text_of(task_manager.description.process_bytes)},
          {"Status.Flink.Memory.Managed.Total", text_of(task_manager.description.managed_bytes)},
          {"Status.Shuffle.Netty.TotalMemory", text_of(task_manager.description.network_bytes)}};
}

Metrics metrics_of(const ClusterOverview& overview, const ProcessUse& process) {
  const auto running = std::count_if(overview.jobs->begin(), overview.jobs->end(),
                                     [](const JobSummary& job) { return !is_over(job.status); });
  return {{"numRegisteredTaskManagers", text_of(overview.task_managers)},
          {"numRunningJobs", text_of(running)},
          {"taskSlotsAvailable", text_of(overview.slots_available)},
          {"taskSlotsTotal", text_of(overview.slots_total)},
          {"Status.JVM.Memory.Heap.Used", text_of(process.resident_bytes)},
          {"Status.JVM.Memory.Heap.Committed", text_of(process.resident_bytes)},
          {"Status.JVM.CPU.Time", text_of(process.cpu_ns)},
          {"Status.JVM.Threads.Count", text_of(process.threads)},
          {"Status.FileDescriptor.Open.Count", text_of(process.open_files)}};
}

Result<MetricSelection> selection_of(const http::Query& query) {
  MetricSelection selection;
  TRY(selection.names, list_of(query, "get"));
  TRY(const auto wanted, list_of(query, "agg"));
  if (!wanted) {
    selection.aggregations.assign(std::begin(kAggregations), std::end(kAggregations));
    return selection;
  }
  for (const std::string& item : *wanted) {
    std::string how = item;
    std::transform(how.begin(), how.end(), how.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    if (std::find(std::begin(kAggregations), std::end(kAggregations), how) == std::end(kAggregations))
      return bad_query_parameter("agg", item);
    if (std::find(selection.aggregations.begin(), selection.aggregations.end(), how) == selection.aggregations.end())
      selection.aggregations.push_back(std::move(how));
  }
  return selection;
}

std::string metrics_view(const Metrics& metrics, const MetricSelection& selection) {
  if (!selection.names) return names_view(ids_of({&metrics, 1}));
  const MetricIndex index = index_of(metrics);
  std::string text = "[";
  for (const std::string& name : *selection.names) {
    const auto found = index.find(name);
    if (found == index.end()) continue;
    text += fmt::format("{}{{\"id\":{},\"value\":{}}}", text.size() > 1 ? "," : "", quoted(name),
                        quoted(found->second->value));
  }
  return text + "]";
}

std::string aggregated_view(const std::vector<Metrics>& owners, const MetricSelection& selection) {
  if (!selection.names) return names_view(ids_of(owners));
  std::vector<MetricIndex> indices;
  for (const Metrics& metrics : owners) indices.push_back(index_of(metrics));
  std::string text = "[";
  for (const std::string& name : *selection.names) {
    std::vector<double> values;
    for (const MetricIndex& index : indices) {
      const auto found = index.find(name);
      if (const auto number = found != index.end() ? number_of(found->second->value) : std::nullopt)
        values.push_back(*number);
    }
    if (values.empty()) continue;
    text += fmt::format("{}{{\"id\":{}", text.size() > 1 ? "," : "", quoted(name));
    for (const std::string& how : selection.aggregations)
      text += fmt::format(",\"{}\":{}", how, json_number(aggregate(how, values)));
    text += '}';
  }
  return text + "]";
}

}  // namespace weir::jobmanager::rest

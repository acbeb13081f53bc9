#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "jobmanager/rest/view_parts.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;

/// A share of a TaskManager's resources, memory in MiB as Flink writes it.
json::object resource(const TaskManagerDescription& task_manager, std::size_t slots) {
  const double share = task_manager.slots > 0 ? static_cast<double>(slots) / task_manager.slots : 0;
  auto mebibytes = [&](std::uint64_t bytes) {
    return static_cast<std::int64_t>(static_cast<double>(bytes / kMebibyte) * share);
  };
  json::object object;
  object["cpuCores"] = static_cast<double>(slots);
  object["taskHeapMemory"] = mebibytes(task_manager.user_bytes);
  object["taskOffHeapMemory"] = 0;
  object["managedMemory"] = mebibytes(task_manager.managed_bytes);
  object["networkMemory"] = mebibytes(task_manager.network_bytes);
  object["extendedResources"] = json::object();
  return object;
}

json::object memory_configuration(const TaskManagerDescription& memory) {
  std::uint64_t known = memory.user_bytes + memory.network_bytes + memory.managed_bytes;
  json::object object;
  object["frameworkHeap"] = 0;
  object["taskHeap"] = memory.user_bytes;
  object["frameworkOffHeap"] = 0;
  object["taskOffHeap"] = 0;
  object["networkMemory"] = memory.network_bytes;
  object["managedMemory"] = memory.managed_bytes;
  object["jvmMetaspace"] = 0;
  object["jvmOverhead"] = memory.process_bytes - std::min(memory.process_bytes, known);
  object["totalFlinkMemory"] = known;
  object["totalProcessMemory"] = memory.process_bytes;
  return object;
}

std::size_t free_slots(const TaskManagerDetails& task_manager) {
  return static_cast<std::size_t>(std::count(task_manager.holders.begin(), task_manager.holders.end(), std::nullopt));
}

json::object task_manager_object(const TaskManagerDetails& details) {
  const TaskManagerDescription& task_manager = details.description;
  json::object object;
  object["id"] = text(task_manager.id.to_string());
  object["path"] = text(fmt::format("weir.tcp://{}:{}", task_manager.host, task_manager.rpc_port));
  object["dataPort"] = task_manager.data_port;
  object["jmxPort"] = -1;
  object["timeSinceLastHeartbeat"] = millis(details.last_heartbeat);
  object["slotsNumber"] = task_manager.slots;
  object["freeSlots"] = free_slots(details);
  object["totalResource"] = resource(task_manager, task_manager.slots);
  object["freeResource"] = resource(task_manager, free_slots(details));
  json::object hardware;
  hardware["cpuCores"] = task_manager.cpu_cores;
  hardware["physicalMemory"] = task_manager.physical_memory_bytes;
  hardware["freeMemory"] = task_manager.user_bytes;
  hardware["managedMemory"] = task_manager.managed_bytes;
  object["hardware"] = std::move(hardware);
  object["memoryConfiguration"] = memory_configuration(task_manager);
  return object;
}

/// Flink's figures of a JVM: the resident size stands where the heap's does, what has no meaning here is 0.
json::object process_metrics(const TaskManagerDetails& task_manager) {
  json::object object;
  object["heapUsed"] = task_manager.resident_bytes;
  object["heapCommitted"] = task_manager.resident_bytes;
  object["heapMax"] = task_manager.description.process_bytes;
  for (const char* name :
       {"nonHeapUsed", "nonHeapCommitted", "nonHeapMax", "directCount", "directUsed", "directMax", "mappedCount",
        "mappedUsed", "mappedMax", "memorySegmentsAvailable", "memorySegmentsTotal",
        "nettyShuffleMemorySegmentsAvailable", "nettyShuffleMemorySegmentsUsed", "nettyShuffleMemorySegmentsTotal"}) {
    object[name] = 0;
  }
  object["nettyShuffleMemoryAvailable"] = task_manager.description.network_bytes;
  object["nettyShuffleMemoryUsed"] = 0;
  object["nettyShuffleMemoryTotal"] = task_manager.description.network_bytes;
  object["garbageCollectors"] = json::array();
  return object;
}

}  // namespace

std::string config_view(const RestSettings& settings, const TimeZone& zone) {
  json::object answer;
  answer["refresh-interval"] = settings.refresh_interval_ms;
  answer["timezone-name"] = text(zone.name);
  answer["timezone-offset"] = zone.offset_ms;
  answer["flink-version"] = kFlinkVersion;
  answer["flink-revision"] = text(settings.revision);
  json::object features;
  features["web-submit"] = settings.submit_enabled;
  features["web-cancel"] = settings.cancel_enabled;
  features["web-rescale"] = false;
  features["web-history"] = false;
  answer["features"] = std::move(features);
  answer["weir-version"] = text(settings.weir_version);
  return json::serialize(answer);
}

std::string overview_view(const ClusterOverview& overview, const RestSettings& settings) {
  json::object answer;
  answer["taskmanagers"] = overview.task_managers;
  answer["slots-total"] = overview.slots_total;
  answer["slots-available"] = overview.slots_available;
  const auto jobs = [&](auto is_of_kind) {
    return std::count_if(overview.jobs->begin(), overview.jobs->end(),
                         [&](const JobSummary& job) { return is_of_kind(job.status); });
  };
  answer["jobs-running"] = jobs([](JobStatus status) { return !is_over(status); });
  answer["jobs-finished"] = jobs([](JobStatus status) { return status == JobStatus::finished; });
  answer["jobs-cancelled"] = jobs([](JobStatus status) { return status == JobStatus::canceled; });
  answer["jobs-failed"] = jobs([](JobStatus status) { return status == JobStatus::failed; });
  answer["flink-version"] = kFlinkVersion;
  answer["flink-commit"] = text(settings.revision.substr(0, settings.revision.find(' ')));
  answer["weir-version"] = text(settings.weir_version);
  return json::serialize(answer);
}

std::string task_managers_view(const std::vector<TaskManagerDetails>& task_managers) {
  json::array list;
  for (const TaskManagerDetails& task_manager : task_managers) list.push_back(task_manager_object(task_manager));
  json::object answer;
  answer["taskmanagers"] = std::move(list);
  return json::serialize(answer);
}

std::string task_manager_view(const TaskManagerDetails& task_manager) {
  json::object answer = task_manager_object(task_manager);
  json::array slots;
  for (const std::optional<JobId>& job : task_manager.holders) {
    if (!job) continue;
    json::object slot;
    slot["jobId"] = job->to_hex();
    slot["resource"] = resource(task_manager.description, 1);
    slots.push_back(std::move(slot));
  }
  answer["allocatedSlots"] = std::move(slots);
  answer["metrics"] = process_metrics(task_manager);
  return json::serialize(answer);
}

std::string configuration_view(const std::vector<std::pair<std::string, std::string>>& entries) {
  json::array list;
  for (const auto& [key, value] : entries) {
    json::object entry;
    entry["key"] = text(key);
    entry["value"] = text(value);
    list.push_back(std::move(entry));
  }
  return json::serialize(list);
}

std::string environment_view(const RestSettings& settings) {
  json::array options;
  for (const std::string& option : settings.program_options) options.push_back(text(option));
  json::object machine;
  machine["version"] = text(fmt::format("Weir {} (native, no JVM)", settings.weir_version));
  machine["arch"] = text(settings.architecture);
  machine["options"] = std::move(options);
  json::object answer;
  answer["jvm"] = std::move(machine);
  answer["classpath"] = json::array();
  return json::serialize(answer);
}

std::string logs_view(const std::vector<LogFile>& files) {
  json::array list;
  for (const LogFile& file : files) {
    json::object entry;
    entry["name"] = text(file.name);
    entry["size"] = file.bytes;
    entry["mtime"] = millis(file.modified);
    list.push_back(std::move(entry));
  }
  json::object answer;
  answer["logs"] = std::move(list);
  return json::serialize(answer);
}

std::string jars_view(const std::vector<JarDetails>& jars, const std::string& address) {
  json::array files;
  for (const JarDetails& jar : jars) {
    json::array entries;
    for (const JobEntry& job : jar.jobs) {
      json::object entry;
      entry["name"] = text(job.name);
      entry["description"] = text_or_null(job.description);
      entries.push_back(std::move(entry));
    }
    json::object file;
    file["id"] = text(jar.id);
    file["name"] = text(jar.name);
    file["uploaded"] = millis(jar.uploaded);
    file["entry"] = std::move(entries);
    files.push_back(std::move(file));
  }
  json::object answer;
  answer["address"] = text(address);
  answer["files"] = std::move(files);
  return json::serialize(answer);
}

std::string uploaded_view(const std::string& path) {
  json::object answer;
  answer["filename"] = text(path);
  answer["status"] = "success";
  return json::serialize(answer);
}

}  // namespace weir::jobmanager::rest

#include "common/config/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/config/flink_keys.h"
#include "common/config/words.h"

namespace weir::config {
namespace {

template <class T>
Result<void> validate_as(const OptionText& option, std::string_view text) {
  Result<T> value = parse_as<T>(Option<T>{option}, text);
  if (!value.ok()) return value.error();
  return {};
}

template <class T>
constexpr OptionEntry entry(const Option<T>& option) {
  return {&option, Value<T>::kName, std::is_same_v<T, Map>, &Value<T>::forms, &validate_as<T>};
}

constexpr OptionEntry kJobmanagerRpcEntries[] = {
    entry(kJobManagerRpcAddress),
    entry(kJobManagerRpcPort),
    entry(kJobManagerRpcBindPort),
    entry(kJobManagerBindHost),
};
constexpr OptionEntry kRestEntries[] = {
    entry(kRestAddress),
    entry(kRestPort),
    entry(kRestBindPort),
    entry(kRestBindAddress),
    entry(kRestServerMaxContentLength),
    entry(kRestServerThreads),
    entry(kRestConnectionTimeout),
    entry(kRestIdlenessTimeout),
    entry(kRestClientMaxContentLength),
    entry(kRestRetryMaxAttempts),
    entry(kRestRetryDelay),
};
constexpr OptionEntry kDashboardAndHistoryEntries[] = {
    entry(kWebRefreshInterval),      entry(kWebTimeout),      entry(kWebAccessControlAllowOrigin),
    entry(kWebUploadDirectory),      entry(kWebSubmitEnable), entry(kWebCancelEnable),
    entry(kWebExceptionHistorySize),
};
constexpr OptionEntry kRpcBetweenTheDaemonsEntries[] = {
    entry(kRpcMaxFrameBytes),
    entry(kRpcAskTimeout),
    entry(kRpcReturnTimeout),
    entry(kRpcReconnectBackoffMax),
};
constexpr OptionEntry kBlobServerEntries[] = {
    entry(kBlobServerPort),      entry(kBlobStorageDirectory),    entry(kBlobFetchRetries),
    entry(kBlobFetchConcurrent), entry(kBlobClientSocketTimeout),
};
constexpr OptionEntry kTaskmanagerListenersEntries[] = {
    entry(kTaskManagerHost),        entry(kTaskManagerBindHost), entry(kTaskManagerRpcPort),
    entry(kTaskManagerRpcBindPort), entry(kTaskManagerDataPort), entry(kTaskManagerDataBindPort),
};
constexpr OptionEntry kSecurityEntries[] = {
    entry(kSecurityRpcSecretFile),
    entry(kSecurityAllowUnauthenticated),
};
constexpr OptionEntry kTheClusterEntries[] = {
    entry(kClusterId),        entry(kHighAvailabilityType),    entry(kHeartbeatInterval),
    entry(kHeartbeatTimeout), entry(kServicesShutdownTimeout), entry(kIoPoolSize),
    entry(kClientTimeout),
};
constexpr OptionEntry kSlotsAndTasksEntries[] = {
    entry(kTaskManagerSlots),        entry(kTaskManagerResourceId), entry(kTaskManagerRegistrationTimeout),
    entry(kSlotRequestTimeout),      entry(kSlotIdleTimeout),       entry(kTaskCancellationInterval),
    entry(kTaskCancellationTimeout),
};
constexpr OptionEntry kMemoryEntries[] = {
    entry(kTaskManagerProcessMemory), entry(kTaskManagerFlinkMemory),
    entry(kNetworkMemoryFraction),    entry(kNetworkMemoryMin),
    entry(kNetworkMemoryMax),         entry(kMaxRecordBytes),
    entry(kJobManagerProcessMemory),  entry(kSlotSpin),
};
constexpr OptionEntry kPlannerAndWorkersEntries[] = {
    entry(kPlannerTimeout),       entry(kPlannerMemory),     entry(kWorkerStartTimeout),
    entry(kWorkerMaxOutputBytes), entry(kWorkerEnvironment), entry(kPlannerEnvironment),
};
constexpr OptionEntry kDirectoriesLogsFinishedJobsEntries[] = {
    entry(kTemporaryDirectories), entry(kLogDirectory), entry(kLogLevel),          entry(kLogFilesKept),
    entry(kLogFileBytesMax),      entry(kPidDirectory), entry(kJobStoreCacheSize), entry(kJobStoreExpirationSeconds),
    entry(kJobStoreMaxCapacity),
};
constexpr OptionEntry kJobsEntries[] = {
    entry(kParallelismDefault),
    entry(kPipelineName),
    entry(kPipelineMaxParallelism),
    entry(kPipelineOperatorChaining),
    entry(kPipelineGlobalJobParameters),
    entry(kBufferTimeout),
    entry(kBufferTimeoutEnabled),
    entry(kExchangeCompression),
    entry(kRuntimeMode),
    entry(kFailoverStrategy),
    entry(kRestartStrategy),
    entry(kRestartFixedDelayAttempts),
    entry(kRestartFixedDelayDelay),
    entry(kRestartFailureRateMax),
    entry(kRestartFailureRateInterval),
    entry(kRestartFailureRateDelay),
    entry(kRestartExponentialInitial),
    entry(kRestartExponentialMax),
    entry(kRestartExponentialMultiplier),
    entry(kRestartExponentialJitter),
    entry(kRestartExponentialReset),
    entry(kRestartExponentialAttempts),
};

constexpr OptionGroup kGroups[] = {
    {"JobManager RPC", kJobmanagerRpcEntries},
    {"REST", kRestEntries},
    {"Dashboard and history", kDashboardAndHistoryEntries},
    {"RPC between the daemons", kRpcBetweenTheDaemonsEntries},
    {"Blob server", kBlobServerEntries},
    {"TaskManager listeners", kTaskmanagerListenersEntries},
    {"Security", kSecurityEntries},
    {"The cluster", kTheClusterEntries},
    {"Slots and tasks", kSlotsAndTasksEntries},
    {"Memory", kMemoryEntries},
    {"Planner and workers", kPlannerAndWorkersEntries},
    {"Directories, logs, finished jobs", kDirectoriesLogsFinishedJobsEntries},
    {"Jobs", kJobsEntries},
};

/// Every key and old key. Set once.
const std::map<std::string_view, const OptionEntry*>& index() {
  static const std::map<std::string_view, const OptionEntry*> only = [] {
    std::map<std::string_view, const OptionEntry*> keys;
    for (const OptionGroup& group : kGroups) {
      for (const OptionEntry& entry : group.options) {
        keys.emplace(entry.option->key, &entry);
        for (std::string_view old_key : entry.option->old_keys) {
          if (!old_key.empty()) keys.emplace(old_key, &entry);
        }
      }
    }
    return keys;
  }();
  return only;
}

}  // namespace

Error wrong_value(const OptionText& option, std::string_view text, const std::string& reason) {
  std::string shown = option.secret || is_secret_key(option.key) ? "the value" : in_quotes(text);
  return Error::user(ErrorCode::invalid_argument, fmt::format("{}: {} {}", option.key, shown, reason));
}

std::span<const OptionGroup> option_groups() { return kGroups; }

const OptionEntry* find_option(std::string_view key) {
  if (auto found = index().find(key); found != index().end()) return found->second;
  for (std::size_t dot = key.rfind('.'); dot != std::string_view::npos && dot > 0; dot = key.rfind('.', dot - 1)) {
    auto found = index().find(key.substr(0, dot));
    if (found != index().end() && found->second->is_map && dot + 1 < key.size()) return found->second;
  }
  return nullptr;
}

std::string canonical_key(std::string_view key) {
  auto found = index().find(key);
  return std::string(found == index().end() ? key : found->second->option->key);
}

bool is_job_key(std::string_view key) {
  constexpr std::string_view kPrefixes[] = {"execution.", "pipeline.", "state.", "restart-", "parallelism."};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return key.starts_with(prefix); }) ||
         (find_option(key) == nullptr && !is_flink_key(key));
}

bool is_secret_key(std::string_view key) {
  constexpr std::string_view kWords[] = {"password",     "secret",      "token",      "apikey",      "api-key",
                                         "credential",   "private",     "jaas",       "sasl",        "basic-auth",
                                         "http-headers", "auth-params", "access-key", "account.key", "authorization"};
  std::string name = lower(key);
  if (std::ranges::any_of(kWords, [&](std::string_view word) { return name.find(word) != std::string::npos; }))
    return true;
  const OptionEntry* found = find_option(key);
  return found != nullptr && found->option->secret;
}

}  // namespace weir::config

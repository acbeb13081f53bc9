#include "common/config/check.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/config/flink_keys.h"
#include "common/config/options.h"
#include "common/config/words.h"

namespace weir::config {
namespace {

/// Keys that ask for protection. Ignoring one would leave its user exposed, so it is refused.
constexpr std::string_view kProtection[] = {"security.ssl.enabled", "security.ssl.internal.enabled",
                                            "security.ssl.rest.enabled", "security.ssl.rest.authentication-enabled"};

/// Keys of Flink that people set for something they can have in another way.
constexpr std::pair<std::string_view, std::string_view> kInstead[] = {
    {"execution.attached", "weir run waits for the job unless -d is given"},
    {"jobmanager.execution.attempts-history-size", "a task has one attempt"},
    {"taskmanager.memory.segment-size", "a block has 32 kb"},
    {"web.history", "jobstore.max-capacity says how many finished jobs are kept"},
};

/// Edits that make one key of another by mistake, wherever in it.
constexpr std::size_t kTypingErrors = 2;
/// Of an unknown key in a message.
constexpr std::size_t kShownKeyBytes = 120;

/// "taskmanager" of "taskmanager.host".
std::string_view first_part(std::string_view key) { return key.substr(0, key.find('.')); }

std::string without_meaning(std::string_view key) {
  const auto found = std::ranges::find(kInstead, key, &std::pair<std::string_view, std::string_view>::first);
  return fmt::format("{} is a key of Flink that has no effect in Weir{}{}", key,
                     found == std::end(kInstead) ? "" : ": ", found == std::end(kInstead) ? "" : found->second);
}

/// A mistyped key is an error. Any other unknown one is the user's own, which jobs get.
void check_unknown(const std::string& key, const Setting& setting, Report& report) {
  if (key.empty()) {
    report.errors.push_back(fmt::format("{}: a key is empty", setting.origin));
    return;
  }
  const std::string nearest = nearest_key(key);
  if (nearest.empty()) {
    report.warnings.push_back(
        fmt::format("{}: unknown key {} has no effect on Weir; jobs find it in their configuration", setting.origin,
                    printable(key, kShownKeyBytes)));
  } else {
    report.errors.push_back(
        fmt::format("{}: unknown key {}; did you mean {}?", setting.origin, printable(key, kShownKeyBytes), nearest));
  }
}

template <class T>
void check_order(const Configuration& configuration, const Option<T>& smaller, const Option<T>& larger,
                 Report& report) {
  Result<std::optional<T>> low = configuration.find(smaller);
  Result<std::optional<T>> high = configuration.find(larger);
  if (!low.ok() || !high.ok() || !low.value() || !high.value()) return;  // reported already, or no bound
  if (*high.value() < *low.value()) {
    const Error error = Error::user(ErrorCode::invalid_argument,
                                    fmt::format("{} ({}) is less than {} ({})", larger.key, to_text(*high.value()),
                                                smaller.key, to_text(*low.value())));
    report.errors.push_back(configuration.placed(error, configuration.has(larger) ? larger.key : smaller.key).message);
  }
}

/// Browsers compare origins letter by letter, so that anything but one allows nobody.
void check_origin(const Configuration& configuration, Report& report) {
  const auto origin = configuration.find(kWebAccessControlAllowOrigin);
  if (!origin.ok() || !origin.value() || **origin == "*") return;
  const std::string& text = **origin;
  const std::size_t host = text.find("://");
  const bool fits = (text.starts_with("http://") || text.starts_with("https://")) && text.size() > host + 3 &&
                    text.find_first_of("/ ,?#", host + 3) == std::string::npos;
  if (fits) return;
  const Error error = Error::user(
      ErrorCode::invalid_argument,
      fmt::format("{}: {} is neither * nor one origin such as https://dashboard.example.com:8443, without a path",
                  kWebAccessControlAllowOrigin.key, in_quotes(text)));
  report.errors.push_back(configuration.placed(error, kWebAccessControlAllowOrigin.key).message);
}

void check_setting(const std::string& key, const Setting& setting, Report& report) {
  if (const OptionEntry* entry = find_option(key)) {
    if (setting.written != key && entry->option->key == key) {
      report.warnings.push_back(fmt::format("{}: {} is an old name of {}", setting.origin, setting.written, key));
    }
    bool is_part = entry->is_map && entry->option->key != key;
    Result<void> valid = is_part ? Result<void>() : entry->validate(*entry->option, setting.value);
    if (!valid.ok()) {
      report.errors.push_back(setting.origin + ": " + valid.error().message);
    } else if (entry->option->inert) {
      report.warnings.push_back(fmt::format("{}: {} has no effect in this version", setting.origin, key));
    }
    return;
  }
  if (std::ranges::find(kProtection, key) != std::end(kProtection) && lower(setting.value) != "false") {
    report.errors.push_back(
        fmt::format("{}: {} asks for TLS, which this version does not have; set it to false and keep the "
                    "listeners on loopback or in a network you trust",
                    setting.origin, key));
  } else if (is_flink_key(key)) {
    report.warnings.push_back(fmt::format("{}: {}", setting.origin, without_meaning(key)));
  } else {
    check_unknown(key, setting, report);
  }
}

}  // namespace

Report check(const Configuration& configuration) {
  Report report;
  for (const auto& [key, setting] : configuration.settings()) check_setting(key, setting, report);
  check_origin(configuration, report);
  check_order(configuration, kHeartbeatInterval, kHeartbeatTimeout, report);
  check_order(configuration, kNetworkMemoryMin, kNetworkMemoryMax, report);
  check_order(configuration, kMaxRecordBytes, kRpcMaxFrameBytes, report);
  check_order(configuration, kRestartExponentialInitial, kRestartExponentialMax, report);
  return report;
}

Result<void> checked(const Configuration& configuration) {
  Report report = check(configuration);
  if (report.errors.empty()) return {};
  std::string message;
  for (const std::string& sentence : report.errors) message += (message.empty() ? "" : "\n") + sentence;
  return Error::user(ErrorCode::invalid_argument, std::move(message));
}

std::string nearest_key(std::string_view key) {
  std::vector<std::string_view> known;  // ours first: of two that are equally near, the first is named
  for (const OptionGroup& group : option_groups()) {
    for (const OptionEntry& entry : group.options) known.push_back(entry.option->key);
  }
  known.insert(known.end(), flink_keys().begin(), flink_keys().end());

  const std::string wanted = lower(key);
  std::string_view best;
  std::size_t best_distance = SIZE_MAX;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(wanted, lower(candidate));
    const bool is_neighbour = first_part(wanted) == first_part(candidate);
    const std::size_t near = is_neighbour ? std::max(kTypingErrors, wanted.size() / 3) : kTypingErrors;
    if (distance > near || distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return std::string(best);
}

bool is_loopback(std::string_view bind_host) {
  std::string host = lower(trimmed(bind_host));
  if (host == "localhost") return true;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

Result<void> check_listener(std::string_view bind_host, const Configuration& configuration) {
  if (is_loopback(bind_host)) return {};
  Result<bool> allowed = configuration.get(kSecurityAllowUnauthenticated);
  if (!allowed.ok()) return allowed.error();
  if (allowed.value()) return {};
  return Error::user(
      ErrorCode::failed_precondition,
      fmt::format(
          "a listener on {} can be reached by other machines, and whoever reaches it may run code here; bind to "
          "localhost, or write {}: true",
          in_quotes(bind_host), kSecurityAllowUnauthenticated.key));
}

}  // namespace weir::config

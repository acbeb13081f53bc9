#include "common/config/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/try.h"
#include "common/config/cluster_options.h"
#include "common/config/words.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMegabyte = 1024 * 1024;

/// The text of a small file of the kernel's; nothing when it is not there.
std::optional<std::string> read_small(const fs::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::string text(64 * 1024, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::optional<std::int64_t> number_in(std::string_view text) {
  text = trimmed(text);
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

/// The limit in `file` of the group at `group` and of all groups above it, the smallest. "max" and what exceeds the
/// machine (version 1 writes 2^63 rounded down to pages) are no limits.
std::optional<std::int64_t> smallest_limit(const fs::path& mount, fs::path group, const char* file,
                                           std::int64_t machine_bytes) {
  std::optional<std::int64_t> smallest;
  for (int depth = 0; depth < 64; ++depth) {
    fs::path place = mount / group.relative_path() / file;
    if (std::optional<std::string> text = read_small(place)) {
      std::optional<std::int64_t> limit = number_in(*text);
      if (limit && *limit > 0 && *limit < machine_bytes && (!smallest || *limit < *smallest)) smallest = limit;
    }
    if (group.relative_path().empty()) break;
    group = group.parent_path();
  }
  return smallest;
}

/// Lines of /proc/self/cgroup are `id:controllers:path`. Inside a container the path may be one that only the host
/// sees; then the mount itself is the group, which smallest_limit reaches as the topmost one.
std::optional<std::int64_t> container_limit(const fs::path& root, std::int64_t machine_bytes) {
  fs::path mount = root / "sys/fs/cgroup";
  std::optional<std::int64_t> smallest;
  std::string groups = read_small(root / "proc/self/cgroup").value_or("0::/\n1:memory:/");
  for (std::string_view line : split(groups, '\n')) {
    std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < 3) continue;
    std::string_view group = line.substr(fields[0].size() + fields[1].size() + 2);
    std::optional<std::int64_t> limit;
    if (fields[1].empty()) limit = smallest_limit(mount, group, "memory.max", machine_bytes);
    for (std::string_view controller : split(fields[1], ',')) {
      if (controller == "memory")
        limit = smallest_limit(mount / "memory", group, "memory.limit_in_bytes", machine_bytes);
    }
    if (limit && (!smallest || *limit < *smallest)) smallest = limit;
  }
  return smallest;
}

struct ProcessSize {
  ByteCount size;
  std::string reason;
};

std::string megabytes(ByteCount size) { return fmt::format("{} mb", (size.bytes() + kMegabyte - 1) / kMegabyte); }

Result<ProcessSize> process_size(const Configuration& configuration, const MemoryLimits& limits) {
  TRY(std::optional<ByteCount> process, configuration.find(kTaskManagerProcessMemory));
  TRY(std::optional<ByteCount> flink, configuration.find(kTaskManagerFlinkMemory));
  if (process && flink && *process < *flink) {
    return configuration.placed(
        Error::user(ErrorCode::invalid_argument,
                    fmt::format("{} ({}) is less than {} ({}); remove the latter", kTaskManagerProcessMemory.key,
                                to_text(*process), kTaskManagerFlinkMemory.key, to_text(*flink))),
        kTaskManagerProcessMemory.key);
  }
  const OptionText& option =
      process ? static_cast<const OptionText&>(kTaskManagerProcessMemory) : kTaskManagerFlinkMemory;
  std::optional<ByteCount> set = process ? process : flink;
  ByteCount there_is = limits.container.value_or(limits.machine);
  if (set && *set > there_is) {
    return configuration.placed(
        Error::user(
            ErrorCode::invalid_argument,
            fmt::format("{} ({}) is more than {} has ({}); the kernel would end the process", option.key, to_text(*set),
                        limits.container ? "the container" : "the machine", megabytes(there_is))),
        option.key);
  }
  if (set) return ProcessSize{*set, std::string(option.key)};
  if (limits.container) return ProcessSize{*limits.container, "the container's limit"};
  return ProcessSize{limits.machine / 2, "half of the machine's memory"};
}

ByteCount part_of(ByteCount whole, double fraction) {
  return ByteCount(static_cast<std::uint64_t>(static_cast<double>(whole.bytes()) * fraction));
}

}  // namespace

Result<MemoryLimits> read_memory_limits(const std::string& root) {
  fs::path meminfo = fs::path(root) / "proc/meminfo";
  std::optional<std::string> text = read_small(meminfo);
  if (!text) return Error::external(ErrorCode::io, fmt::format("cannot read {}", meminfo.string()));
  constexpr std::string_view kTotal = "MemTotal:";
  std::int64_t machine = 0;
  for (std::string_view line : split(*text, '\n')) {
    if (line.starts_with(kTotal)) machine = number_in(line.substr(kTotal.size())).value_or(0) * 1024;
  }
  if (machine <= 0)
    return Error::external(ErrorCode::io, fmt::format("{} does not say how much memory there is", meminfo.string()));
  MemoryLimits limits;
  limits.machine = ByteCount(static_cast<std::uint64_t>(machine));
  if (std::optional<std::int64_t> limit = container_limit(root, machine))
    limits.container = ByteCount(static_cast<std::uint64_t>(*limit));
  return limits;
}

Result<MemoryBudget> divide_memory(const Configuration& configuration, const MemoryLimits& limits) {
  TRY(ProcessSize process, process_size(configuration, limits));
  TRY(int slots, configuration.get(kTaskManagerSlots));
  TRY(double fraction, configuration.get(kNetworkMemoryFraction));
  TRY(ByteCount least, configuration.get(kNetworkMemoryMin));
  TRY(std::optional<ByteCount> most, configuration.find(kNetworkMemoryMax));
  const ByteCount bound = most.value_or(process.size);
  const ByteCount network = std::min(std::max(least, part_of(process.size, fraction)), bound);
  const ByteCount fixed = kDaemonMemory + kSlotMemoryMin * static_cast<std::uint64_t>(slots);
  if (process.size < fixed + network) {
    // The smallest size: what is needed beside the network's fraction, or beside its minimum, whichever asks for more.
    ByteCount by_fraction = part_of(fixed, 1 / (1 - fraction)) + ByteCount::kib(1);
    if (most) by_fraction = std::min(by_fraction, fixed + *most);
    const ByteCount needed = std::max(by_fraction, fixed + std::min(least, most.value_or(least)));
    return configuration.placed(
        Error::user(ErrorCode::invalid_argument,
                    fmt::format("{} ({}) is too little for {} slots: at least {}; raise {} or lower {}", process.reason,
                                megabytes(process.size), slots, megabytes(needed), kTaskManagerProcessMemory.key,
                                kTaskManagerSlots.key)),
        process.reason);
  }
  MemoryBudget budget;
  budget.process = process.size;
  budget.daemon = kDaemonMemory;
  budget.network = network;
  budget.slot = (process.size - kDaemonMemory) / static_cast<std::uint64_t>(slots);
  budget.slot_network = network / static_cast<std::uint64_t>(slots);
  budget.reason = std::move(process.reason);
  return budget;
}

}  // namespace weir::config

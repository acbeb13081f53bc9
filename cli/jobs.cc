#include "cli/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <tuple>

#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/base/try.h"

namespace weir::cli {

namespace {

constexpr std::string_view kRunningHead = "------------------ Running/Restarting Jobs -------------------";
constexpr std::string_view kScheduledHead = "----------------------- Scheduled Jobs -----------------------";
constexpr std::string_view kTerminatedHead = "---------------------- Terminated Jobs -----------------------";
constexpr std::string_view kBlockEnd = "--------------------------------------------------------------";

enum class Block { scheduled, running, terminated };

Block block_of(const JobLine& job) {
  if (job.state == "CREATED" || job.state == "INITIALIZING") return Block::scheduled;
  if (job.state == "FINISHED" || job.state == "FAILED" || job.state == "CANCELED") return Block::terminated;
  return Block::running;
}

std::string local_time(std::int64_t since_1970_ms) {
  std::time_t seconds = since_1970_ms / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[32];
  std::size_t length = std::strftime(text, sizeof text, "%d.%m.%Y %H:%M:%S", &parts);
  return std::string(text, length);
}

void add_block(std::vector<std::string>& lines, std::string_view head, const std::vector<JobLine>& jobs, Block block) {
  lines.emplace_back(head);
  for (const JobLine& job : jobs) {
    if (block_of(job) != block) continue;
    lines.push_back(
        fmt::format("{} : {} : {} ({})", local_time(job.start_ms), job.id, printable(job.name, 400), job.state));
  }
  lines.emplace_back(kBlockEnd);
}

}  // namespace

std::vector<std::string> list_lines(const ListVerb& verb, std::vector<JobLine> jobs) {
  std::sort(jobs.begin(), jobs.end(), [](const JobLine& a, const JobLine& b) {
    return std::tie(a.state, a.start_ms, a.id) < std::tie(b.state, b.start_ms, b.id);
  });
  auto has = [&](Block block) {
    return std::any_of(jobs.begin(), jobs.end(), [&](const JobLine& job) { return block_of(job) == block; });
  };
  bool both = verb.all || (!verb.running && !verb.scheduled);
  std::vector<std::string> lines;
  if (both || verb.running) {
    if (has(Block::running)) {
      add_block(lines, kRunningHead, jobs, Block::running);
    } else {
      lines.emplace_back("No running jobs.");
    }
  }
  if (both || verb.scheduled) {
    if (has(Block::scheduled)) {
      add_block(lines, kScheduledHead, jobs, Block::scheduled);
    } else {
      lines.emplace_back("No scheduled jobs.");
    }
  }
  if (verb.all && has(Block::terminated)) add_block(lines, kTerminatedHead, jobs, Block::terminated);
  return lines;
}

Result<int> list(const ListVerb& verb, const ClientSettings& settings, Console& console) {
  console.print("Waiting for response...");
  TRY(std::vector<JobLine> jobs, RestClient(settings.address, settings.http).jobs());
  for (const std::string& line : list_lines(verb, std::move(jobs))) console.print(line);
  return 0;
}

Result<int> cancel(const CancelVerb& verb, const ClientSettings& settings, Console& console) {
  if (!JobId::from_hex(verb.job_id).ok()) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("not a job id: {}; it has 32 hexadecimal digits, and weir list shows it",
                                   printable(verb.job_id, 60)));
  }
  console.print(fmt::format("Cancelling job {}.", verb.job_id));
  Result<void> cancelled = RestClient(settings.address, settings.http).cancel(verb.job_id);
  if (!cancelled.ok()) {
    bool names_it = cancelled.error().message.find(verb.job_id) != std::string::npos;
    return names_it ? cancelled.error() : cancelled.error().within(fmt::format("could not cancel job {}", verb.job_id));
  }
  console.print(fmt::format("Cancelled job {}.", verb.job_id));
  return 0;
}

}  // namespace weir::cli

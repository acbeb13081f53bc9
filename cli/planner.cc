#include "cli/planner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "api/loader/job_library.h"
#include "api/loader/plan_builder.h"
#include "cli/program.h"
#include "common/base/try.h"
#include "common/plan/plan_frame.h"
#include "proto/plan.pb.h"

namespace weir::cli {

namespace {

constexpr std::size_t kConfigurationBytesMax = 16 << 20;

Error cannot(std::string_view what) {
  return Error::external(ErrorCode::io, fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<std::map<std::string, std::string>> read_configuration(int descriptor) {
  std::string bytes;
  char piece[16384];
  while (true) {
    ssize_t count = ::read(descriptor, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("cannot read the job's configuration");
    if (count == 0) break;
    bytes.append(piece, static_cast<std::size_t>(count));
    if (bytes.size() > kConfigurationBytesMax) {
      return Error::user(ErrorCode::resource_exhausted,
                         fmt::format("the job's configuration is longer than {} bytes", kConfigurationBytesMax));
    }
  }
  proto::JobConfiguration message;
  if (!message.ParseFromString(bytes)) return Error::internal("the job's configuration is damaged");
  return std::map<std::string, std::string>(message.values().begin(), message.values().end());
}

Result<std::string> plan_frame(const PlanVerb& verb) {
  std::map<std::string, std::string> configuration;
  if (verb.configuration_descriptor >= 0) {
    TRY(configuration, read_configuration(verb.configuration_descriptor));
  }
  TRY_VOID(check_arguments(verb.program.arguments));
  std::string name =
      verb.shown_name.empty() ? std::filesystem::path(verb.program.library).filename().string() : verb.shown_name;
  TRY(JobLibrary library, JobLibrary::open(verb.program.library, name));
  TRY(StreamGraph graph, library.build(verb.program.entry, Arguments(verb.program.arguments), configuration));
  proto::Plan plan;
  TRY_VOID(build_plan(graph, plan));
  return plan::encode_plan_frame(plan);
}

Result<void> write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("cannot hand over the plan");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Result<int> be_planner(const PlanVerb& verb) {
  Result<std::string> frame = plan_frame(verb);
  TRY_VOID(write_all(verb.frame_descriptor, frame.ok() ? *frame : plan::encode_refusal_frame(frame.error().message)));
  return frame.ok() ? 0 : 1;
}

}  // namespace weir::cli

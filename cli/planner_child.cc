#include "cli/planner_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "common/plan/plan_frame.h"
#include "proto/plan.pb.h"

namespace weir::cli {

namespace {

constexpr std::size_t kFrameBytesMax = plan::kPlanBytesMax + plan::kPlanFrameHeaderBytes + 1;
constexpr int kFrameDescriptor = 3;
constexpr int kConfigurationDescriptor = 4;

Error cannot(std::string_view what, int reason) {
  return Error::external(ErrorCode::io, fmt::format("{}: {}", what, std::strerror(reason)));
}

/// Above the descriptors that the child gets, so that placing one does not overwrite another.
Result<UniqueFd> out_of_the_way(UniqueFd descriptor) {
  UniqueFd moved(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 10));
  if (!moved) return cannot("no file descriptor", errno);
  return moved;
}

Result<UniqueFd> configuration_file(const std::map<std::string, std::string>& configuration) {
  proto::JobConfiguration message;
  message.mutable_values()->insert(configuration.begin(), configuration.end());
  std::string bytes = message.SerializeAsString();
  UniqueFd file(::memfd_create("job configuration", MFD_CLOEXEC));
  bool written = file.valid() && ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  if (!written || ::lseek(file.get(), 0, SEEK_SET) != 0) return cannot("no memory file", errno);
  return out_of_the_way(std::move(file));
}

std::vector<std::string> command_line(const PlannerStart& start) {
  std::vector<std::string> line = {start.executable,     "plan",
                                   "--frame-fd",         std::to_string(kFrameDescriptor),
                                   "--configuration-fd", std::to_string(kConfigurationDescriptor),
                                   "--shown-name",       start.shown_name};
  if (!start.entry.empty()) line.insert(line.end(), {"--entry", start.entry});
  line.insert(line.end(), {"-j", start.library, "--"});
  line.insert(line.end(), start.arguments.begin(), start.arguments.end());
  return line;
}

/// As the JobManager's planner has it: a plan must not depend on whose terminal it was made in.
std::vector<std::string> environment_of(const PlannerStart& start) {
  std::string home = std::filesystem::path(start.executable).parent_path().parent_path().string();
  std::string libraries = fmt::format("{0}/lib:{0}/usrlib", home);
  if (!start.library_directory.empty()) libraries = start.library_directory + ":" + libraries;
  return {"PATH=/usr/local/bin:/usr/bin:/bin", "TZ=UTC", "LANG=C.UTF-8", "LD_LIBRARY_PATH=" + libraries,
          "WEIR_HOME=" + home};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

Result<pid_t> spawn(const PlannerStart& start, int frame, int configuration) {
  std::vector<std::string> line = command_line(start);
  std::vector<std::string> variables = environment_of(start);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, frame, kFrameDescriptor);
  ::posix_spawn_file_actions_adddup2(&actions, configuration, kConfigurationDescriptor);
  pid_t child = -1;
  int failed = ::posix_spawn(&child, start.executable.c_str(), &actions, nullptr, pointers(line).data(),
                             pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return cannot("cannot start the planner", failed);
  return child;
}

/// Everything until the child closes its end; one byte above the limit is enough for the decoder to refuse it.
std::string read_frame(int descriptor) {
  std::string frame;
  char piece[65536];
  while (frame.size() < kFrameBytesMax) {
    ssize_t count = ::read(descriptor, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    frame.append(piece, static_cast<std::size_t>(count));
  }
  return frame;
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return fmt::format("the job's build function crashed with signal {} (SIG{})", WTERMSIG(status),
                       name != nullptr ? name : "?");
  }
  return fmt::format("the job's build function ended the process with exit code {}: it must return",
                     WEXITSTATUS(status));
}

}  // namespace

Result<plan::Plan> run_planner_child(const PlannerStart& start) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return cannot("no pipe", errno);
  UniqueFd reading(ends[0]);
  TRY(UniqueFd writing, out_of_the_way(UniqueFd(ends[1])));
  TRY(UniqueFd configuration, configuration_file(start.configuration));
  TRY(pid_t child, spawn(start, writing.get(), configuration.get()));
  writing.reset(-1);
  std::string frame = read_frame(reading.get());
  reading.reset(-1);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) || frame.empty()) return Error::user(ErrorCode::invalid_argument, ending(status));
  return plan::decode_plan_frame(frame);
}

}  // namespace weir::cli

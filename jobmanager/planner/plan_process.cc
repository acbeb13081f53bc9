#include "jobmanager/planner/plan_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "common/base/text.h"
#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "common/plan/plan_frame.h"
#include "jobmanager/planner/child.h"
#include "proto/plan.pb.h"

namespace weir::jobmanager {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTailBytes = 4096;
constexpr std::size_t kFrameBytesMax = plan::kPlanFrameHeaderBytes + plan::kPlanBytesMax;
/// After the child's end its pipes hold what it wrote; another process may hold them open, so reading ends then.
constexpr std::chrono::milliseconds kDrainTime{200};
/// Between two looks at the clock: a look that comes later than planned by more than kStall was delayed by a pause of
/// this process or of the machine, which is no time of the build function.
constexpr std::chrono::milliseconds kPollMax{1'000};
constexpr std::chrono::milliseconds kStall{500};

/// One pipe from the child.
struct Stream {
  UniqueFd read, write;
  std::string bytes;
  std::size_t bytes_max = 0;
  bool keeps_tail = false;  ///< the last bytes_max bytes; otherwise the first, and one more
};

Error cannot(std::string_view what) {
  return Error::external(ErrorCode::io, fmt::format("cannot run the planner: {}: {}", what, ::strerror(errno)));
}

Result<Stream> open_stream(std::size_t bytes_max, bool keeps_tail) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return cannot("no pipe");
  Stream stream{UniqueFd(ends[0]), UniqueFd(ends[1]), {}, bytes_max, keeps_tail};
  ::fcntl(stream.read.get(), F_SETFL, O_NONBLOCK);
  return stream;
}

/// Reads what is there. Closes the stream at its end.
void drain(Stream& stream) {
  std::array<char, 16384> buffer;
  while (stream.read) {
    const ssize_t count = ::read(stream.read.get(), buffer.data(), buffer.size());
    if (count > 0) {
      stream.bytes.append(buffer.data(), static_cast<std::size_t>(count));
      if (stream.keeps_tail && stream.bytes.size() > stream.bytes_max)
        stream.bytes.erase(0, stream.bytes.size() - stream.bytes_max);
      if (!stream.keeps_tail && stream.bytes.size() > stream.bytes_max) return stream.read.reset(-1);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || errno != EAGAIN) stream.read.reset(-1);
    return;
  }
}

Result<UniqueFd> configuration_file(const std::map<std::string, std::string>& configuration) {
  proto::JobConfiguration message;
  message.mutable_values()->insert(configuration.begin(), configuration.end());
  const std::string bytes = message.SerializeAsString();
  UniqueFd file(::memfd_create("job configuration", MFD_CLOEXEC));
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return cannot("no memory file");
  }
  return file;
}

std::vector<std::string> command_line(const PlannerCommand& command) {
  std::vector<std::string> line{command.executable, "plan", "--frame-fd", "3", "--configuration-fd", "4"};
  if (!command.entry.empty()) line.insert(line.end(), {"--entry", command.entry});
  if (!command.shown_name.empty()) line.insert(line.end(), {"--shown-name", command.shown_name});
  line.insert(line.end(), {command.library, "--"});
  line.insert(line.end(), command.arguments.begin(), command.arguments.end());
  return line;
}

std::vector<std::string> environment_of(const PlannerCommand& command) {
  std::map<std::string, std::string> variables{{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  for (const auto& [name, value] : command.environment) variables[name] = value;
  variables["TZ"] = "UTC";
  variables["LANG"] = "C.UTF-8";
  variables["LD_LIBRARY_PATH"] = fmt::format("{0}/lib:{0}/usrlib", command.home);
  variables["WEIR_HOME"] = command.home;
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) lines.push_back(name + "=" + value);
  return lines;
}

/// The last lines that the child wrote, as the end of a sentence.
std::string last_words(const Stream& error, const Stream& output) {
  std::string_view text = error.bytes.find_first_not_of(" \n") == std::string::npos ? output.bytes : error.bytes;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.empty()) return "; it wrote nothing";
  std::size_t begin = text.size();
  for (int lines = 0; lines < 5 && begin != std::string_view::npos && begin > 0; ++lines)
    begin = text.rfind('\n', begin - 1);
  if (begin != std::string_view::npos && begin < text.size()) text.remove_prefix(begin + (text[begin] == '\n' ? 1 : 0));
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines += (lines.empty() ? "" : " | ") + printable(text.substr(0, end), 500);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return "; its last words: " + lines;
}

/// How the child came to its end.
struct Ending {
  bool timed_out = false;
  bool stopped = false;
  int status = 0;
};

std::string ending_text(const Ending& ending, const PlannerLimits& limits) {
  const double seconds = static_cast<double>(limits.timeout.count()) / 1000;
  if (ending.timed_out)
    return fmt::format("the job's build function did not end within {:g} s (weir.planner.timeout)", seconds);
  if (WIFSIGNALED(ending.status)) {
    const int signal = WTERMSIG(ending.status);
    if (signal == SIGXCPU)
      return fmt::format("the job's build function used more than {:g} s of CPU time (weir.planner.timeout)", seconds);
    if (signal == SIGKILL) return "the planner was killed by signal 9 (SIGKILL): out of memory, or by somebody";
    return fmt::format("the job's build function crashed with {}", signal_text(signal));
  }
  const int code = WEXITSTATUS(ending.status);
  return code == 0 ? std::string("the planner ended without a plan: the job's build function must return, not exit")
                   : fmt::format("the planner ended with exit code {} and without a plan", code);
}

/// Reads all streams until the child has ended, or time is up or `stop` is readable and it has been killed.
/// Time is up only when nothing waits to be read: this process may itself have been stopped meanwhile.
Ending attend(Child& child, std::array<Stream*, 3> streams, const PlannerLimits& limits, int stop) {
  Ending ending;
  bool has_ended = false;
  auto until = Clock::now() + limits.timeout;
  for (;;) {
    std::array<pollfd, 5> waits{};
    for (std::size_t i = 0; i < streams.size(); ++i)
      waits[i] = {streams[i]->read ? streams[i]->read.get() : -1, POLLIN, 0};
    waits[3] = {has_ended ? -1 : child.pidfd(), POLLIN, 0};
    waits[4] = {has_ended || ending.stopped ? -1 : stop, POLLIN, 0};
    const bool all_closed =
        std::none_of(streams.begin(), streams.end(), [](const Stream* stream) { return stream->read.valid(); });
    if (has_ended && all_closed) break;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    const std::chrono::milliseconds wait = std::clamp(left, std::chrono::milliseconds(0), kPollMax);
    const auto planned = Clock::now() + wait;
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(wait.count()));
    if (const auto late = Clock::now() - planned; late > kStall) until += late;
    for (Stream* stream : streams) drain(*stream);
    if (waits[4].revents != 0) {
      ending.stopped = true;
      child.kill_session();
    }
    if (!has_ended && (waits[3].revents & POLLIN) != 0) {
      has_ended = true;
      until = Clock::now() + kDrainTime;
    }
    if (ready != 0 || Clock::now() < until) continue;
    if (has_ended) break;
    ending.timed_out = true;
    child.kill_session();
    until = Clock::now() + std::chrono::seconds(5);
  }
  child.kill_session();  // What it has left behind, before its number can be given to another process.
  ending.status = child.wait();
  return ending;
}

}  // namespace

Result<plan::Plan> run_planner(const PlannerCommand& command, const PlannerLimits& limits) {
  TRY(Stream frame, open_stream(kFrameBytesMax, false));
  TRY(Stream output, open_stream(kTailBytes, true));
  TRY(Stream error, open_stream(kTailBytes, true));
  TRY(UniqueFd configuration, configuration_file(command.configuration));

  Child::Spec spec;
  spec.arguments = command_line(command);
  spec.environment = environment_of(command);
  const auto seconds = static_cast<std::uint64_t>(limits.timeout.count() / 1000);
  spec.limits = {seconds + 1, limits.address_space_bytes, limits.file_bytes, limits.open_files};
  spec.standard_output = output.write.get();
  spec.standard_error = error.write.get();
  spec.passed = {frame.write.get(), configuration.get()};
  TRY(Child child, Child::start(spec));
  for (Stream* stream : {&frame, &output, &error}) stream->write.reset(-1);

  const Ending ending = attend(child, {&frame, &output, &error}, limits, command.stop_descriptor);
  if (ending.stopped)
    return Error::external(ErrorCode::unavailable, "the JobManager is ending, and the planner with it");
  auto failed = [&](const std::string& sentence) {
    return Error::user(ErrorCode::invalid_argument, sentence + last_words(error, output));
  };
  if (ending.timed_out || WIFSIGNALED(ending.status) || frame.bytes.empty()) return failed(ending_text(ending, limits));
  auto plan = plan::decode_plan_frame(frame.bytes);
  if (!plan.ok() && plan.error().code == ErrorCode::corrupt) {
    return failed("the planner did not hand over a plan: " + plan.error().message);
  }
  return plan;
}

}  // namespace weir::jobmanager

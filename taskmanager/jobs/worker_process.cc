#include "taskmanager/jobs/worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/base/sockets.h"
#include "common/base/try.h"
#include "taskmanager/crash/crash_handler.h"
#include "taskmanager/crash/crash_report.h"
#include "taskmanager/jobs/crash_stack.h"

namespace weir::taskmanager {
namespace {

// Output that is in the pipes when the process ends is there at once; what a grandchild holds open does not keep us.
constexpr std::chrono::milliseconds kDrainTime{500};

Error setup_error(const char* what) {
  return Error::external(ErrorCode::io, fmt::format("cannot start a job worker: {}: {}", what, std::strerror(errno)));
}

// User code must not be able to fill the machine's memory through it: its size is fixed.
Result<UniqueFd> make_crash_report_file() {
  UniqueFd file(::memfd_create("weir-crash-report", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid() || ::ftruncate(file.get(), kCrashReportBytesMax) != 0)
    return setup_error("no file for its crash report");
  ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  return file;
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return setup_error("no pipe for its output");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

std::string read_report(int file) {
  std::string bytes(kCrashReportBytesMax, '\0');
  const ssize_t size = ::pread(file, bytes.data(), bytes.size(), 0);
  bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  if (const auto end = bytes.find('\0'); end != std::string::npos) bytes.resize(end);
  return bytes;
}

std::string signal_text(int signal) {
  return fmt::format("worker killed by signal {} ({})", signal, signal_name(signal));
}

std::string code_text(int code) { return fmt::format("worker exited with code {}", code); }

}  // namespace

struct WorkerProcess::Parts {
  UniqueFd call_socket;
  UniqueFd descriptor_socket;
  UniqueFd crash_report;
  UniqueFd stdout_pipe;
  UniqueFd stderr_pipe;
  ChildProcess child;
};

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(asio::any_io_executor executor, BlockingPool& pool,
                                                            Clock& clock, const WorkerSettings& settings,
                                                            const std::string& name, OutputFile& output) {
  TRY(auto calls, stream_socket_pair());
  TRY(auto descriptors, packet_socket_pair());
  TRY(auto crash_report, make_crash_report_file());
  TRY(auto out, make_pipe());
  TRY(auto err, make_pipe());
  ProcessSpec spec{
      .executable = settings.executable,
      .arguments = {"taskmanager", "--worker", "--name", name, "--calls-fd", std::to_string(calls.second.get()),
                    "--descriptors-fd", std::to_string(descriptors.second.get()), "--crash-report-fd",
                    std::to_string(crash_report.get())},
      .environment = settings.environment,
      .standard_output = out.second.get(),
      .standard_error = err.second.get()};
  for (const int descriptor : {calls.second.get(), descriptors.second.get(), crash_report.get()})
    spec.passed.push_back({.descriptor = descriptor, .number = descriptor});
  TRY(auto child, ChildProcess::start(executor, spec));
  Parts parts{.call_socket = std::move(calls.first),
              .descriptor_socket = std::move(descriptors.first),
              .crash_report = std::move(crash_report),
              .stdout_pipe = std::move(out.first),
              .stderr_pipe = std::move(err.first),
              .child = std::move(child)};
  return std::unique_ptr<WorkerProcess>(
      new WorkerProcess(executor, pool, clock, settings, name, output, std::move(parts)));
}

WorkerProcess::WorkerProcess(asio::any_io_executor executor, BlockingPool& pool, Clock& clock,
                             const WorkerSettings& settings, const std::string& name, OutputFile& output, Parts parts)
    : executor_(executor),
      clock_(clock),
      executable_(settings.executable),
      child_(std::move(parts.child)),
      call_socket_(std::move(parts.call_socket)),
      descriptor_socket_(std::move(parts.descriptor_socket)),
      crash_report_(std::move(parts.crash_report)),
      own_output_(executor, pool, settings.output_prefix + "-" + name + ".out", settings.output_bytes_max),
      stdout_pump_(executor, std::move(parts.stdout_pipe), {&own_output_, &output}),
      stderr_pump_(executor, std::move(parts.stderr_pipe), {&own_output_, &output}),
      scope_(executor, "worker process") {
  scope_.start("stdout", pump(stdout_pump_));
  scope_.start("stderr", pump(stderr_pump_));
}

WorkerProcess::~WorkerProcess() = default;

Async<void> WorkerProcess::pump(OutputPump& pump) { co_await pump.run(); }

Async<WorkerExit> WorkerProcess::wait_exit() {
  CO_TRY(const ExitStatus status, co_await child_.wait());
  co_await drain();
  co_return co_await explain(status);
}

Async<void> WorkerProcess::drain() {
  using namespace asio::experimental::awaitable_operators;
  stdout_pump_.stop();
  stderr_pump_.stop();
  auto drained = scope_.wait_until_empty();
  auto limit = clock_.sleep_for(kDrainTime);
  auto race = std::move(drained) || std::move(limit);
  co_await std::move(race);
}

Async<WorkerExit> WorkerProcess::explain(ExitStatus status) {
  WorkerExit exit;
  exit.exception = status.by_signal ? signal_text(status.number) : code_text(status.number);
  if (killed_ && !kill_reason_.empty()) {
    exit.message = kill_reason_;
    exit.blame = kill_blame_;
    co_return exit;
  }
  const std::string bytes = read_report(crash_report_.get());
  const auto report = parse_crash_report(bytes);
  if (report.ok() && status.by_signal) {
    exit.message = describe(*report);
    auto stack = crash_stack(executor_, clock_, executable_, *report, bytes);
    auto text = co_await std::move(stack);
    exit.stack_trace = text.value_or({});
  } else if (status.by_signal && status.number == SIGKILL) {
    exit.blame = Blame::external;
    exit.message =
        "SIGKILL leaves no trace; the kernel sends it when memory runs out (see dmesg), an operator may have";
  } else if (status.by_signal) {
    exit.blame = Blame::external;
    exit.message =
        "the signal left no crash report: it was sent from outside, user code changed the handler, or a thread that "
        "user code started overflowed its stack";
  } else {
    exit.message = "the worker ended without being asked: user code must not call exit()";
  }
  if (status.core_dumped) exit.message += "; a core file was written";
  if (const std::string lines = stderr_pump_.last_lines().text(); !lines.empty())
    exit.message += "; last lines on stderr:\n" + lines;
  co_return exit;
}

void WorkerProcess::kill(std::string reason, Blame blame) {
  if (child_.has_ended()) return;  // by itself: its own reason stands
  if (!killed_) {
    kill_reason_ = std::move(reason);
    kill_blame_ = blame;
  }
  killed_ = true;
  child_.kill();
}

Async<void> WorkerProcess::close() { co_await scope_.close(); }

std::uint64_t WorkerProcess::resident_bytes() const {
  if (child_.has_ended()) return 0;
  const std::string path = fmt::format("/proc/{}/statm", child_.pid());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  if (!file.valid() || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (std::sscanf(text.data(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace weir::taskmanager

#include "taskmanager/worker/worker_main.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string_view>

#include "common/async/executor.h"
#include "taskmanager/crash/crash_handler.h"

namespace weir::taskmanager {
namespace {

constexpr int kWrongArguments = 2;

struct WorkerArguments {
  int calls = -1;
  int descriptors = -1;
  int crash_report = -1;
};

bool parse_descriptor(std::string_view text, int& descriptor) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), descriptor);
  return error == std::errc{} && end == text.data() + text.size() && descriptor > 2 &&
         ::fcntl(descriptor, F_GETFD) >= 0;
}

std::optional<WorkerArguments> parse(int count, char** arguments) {
  WorkerArguments result;
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    const std::string_view value = arguments[i + 1];
    bool right = true;
    if (name == "--calls-fd") right = parse_descriptor(value, result.calls);
    if (name == "--descriptors-fd") right = parse_descriptor(value, result.descriptors);
    if (name == "--crash-report-fd") right = parse_descriptor(value, result.crash_report);
    if (!right) return std::nullopt;
  }
  if (result.calls < 0 || result.descriptors < 0 || result.crash_report < 0) return std::nullopt;
  return result;
}

// Inherited without close-on-exec; what user code starts shall not have them.
UniqueFd owned(int descriptor) {
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return UniqueFd(descriptor);
}

}  // namespace

bool is_worker_command(int argument_count, char** arguments) {
  return argument_count > 1 && std::string_view(arguments[1]) == "--worker";
}

void run_worker(int argument_count, char** arguments, const MakeTaskRuntime& make_runtime) {
  const auto parsed = parse(argument_count, arguments);
  if (!parsed) {
    std::fputs("taskmanager --worker is started by a TaskManager, not by people\n", stderr);
    ::_exit(kWrongArguments);
  }
  ::prctl(PR_SET_NAME, "weir-worker");
  ::signal(SIGPIPE, SIG_IGN);
  ::setvbuf(stdout, nullptr, _IOLBF, 0);  // what a job prints is readable while it runs
  install_crash_handler(owned(parsed->crash_report).release());
  const CrashStack stack;
  ControlThread control("weir-worker");
  SystemClock clock;
  WorkerSession worker(control.executor(), clock, owned(parsed->calls), owned(parsed->descriptors), make_runtime);
  log::start(log::Level::info, [&worker](log::Level level, std::string_view text) { worker.log(level, text); });
  const int code = control.run_to_end(worker.run());
  log::stop();
  std::cout.flush();
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace weir::taskmanager

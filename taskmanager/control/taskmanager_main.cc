#include "taskmanager/control/taskmanager_main.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "common/async/executor.h"
#include "common/base/try.h"
#include "common/config/daemon_configuration.h"
#include "common/config/endpoints.h"
#include "common/config/memory.h"
#include "common/daemon/run_daemon.h"
#include "taskmanager/control/daemon.h"
#include "taskmanager/jobs/crash_stack.h"
#include "taskmanager/worker/worker_main.h"

namespace weir::taskmanager {
namespace {

Result<int> serve(DaemonOptions options, const config::SecretFile& secret) {
  TRY(options.secret, rpc::load_cluster_secret(secret.path, secret.may_make));
  ControlThread control("taskmanager");
  Daemon daemon(control, std::move(options));
  TRY_VOID(daemon.start());
  return control.run_to_end(daemon.serve());
}

Result<daemon::PreparedDaemon> prepare(const daemon::Launch& launch) {
  TRY(const auto limits, config::read_memory_limits("/"));
  ProcessFacts facts;
  facts.home = launch.home;
  facts.executable = launch.program;
  facts.ports_file = launch.command.ports_file;
  TRY(auto options, read_daemon_options(launch.configuration, limits, std::move(facts)));
  // Without a log directory, what jobs print is kept with the temporary files.
  const bool has_log = !launch.log.file.empty();
  options.facts.log_directory = has_log ? launch.log.files.directory : options.temporary_parent;
  options.facts.log_stem = has_log ? launch.log.files.stem : fmt::format("weir-taskmanager-{}", ::getpid());
  TRY(auto secret, config::secret_file(launch.configuration, launch.configuration_directory));
  auto warnings = config::taskmanager_reach_warnings(launch.configuration);
  if (!has_log && !launch.command.check_only) warnings.push_back("what jobs print is kept in io.tmp.dirs");
  return daemon::PreparedDaemon{
      .warnings = std::move(warnings),
      .serve = [options = std::move(options), secret = std::move(secret)] { return serve(options, secret); },
  };
}

}  // namespace

int run_taskmanager(int argument_count, char** arguments, const MakeTaskRuntime& make_runtime) {
  if (is_worker_command(argument_count, arguments)) run_worker(argument_count, arguments, make_runtime);
  if (argument_count == 2 && std::string_view(arguments[1]) == "--symbolise-crash") return symbolise_crash_from_stdin();
  daemon::DaemonProgram program;
  program.name = "taskmanager";
  program.title = "TaskManager";
  program.description = "A TaskManager of a Weir cluster: offers slots, and runs the tasks that a JobManager gives it.";
  program.prepare = prepare;
  return daemon::run_daemon(program, argument_count, arguments);
}

}  // namespace weir::taskmanager

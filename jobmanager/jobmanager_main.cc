#include "jobmanager/jobmanager_main.h"

#include <string>
#include <utility>

#include "common/async/executor.h"
#include "common/base/try.h"
#include "common/config/daemon_configuration.h"
#include "common/config/endpoints.h"
#include "common/daemon/run_daemon.h"
#include "jobmanager/daemon.h"

namespace weir::jobmanager {
namespace {

Result<int> serve(DaemonOptions options, const config::SecretFile& secret) {
  TRY(options.secret, rpc::load_cluster_secret(secret.path, secret.may_make));
  ControlThread control("control");
  Daemon daemon(control, std::move(options), read_library_notes);
  TRY_VOID(control.run_to_end(daemon.run()));
  return 0;
}

Result<daemon::PreparedDaemon> prepare(const daemon::Launch& launch, std::string_view revision) {
  ProcessFacts facts;
  facts.home = launch.home;
  facts.planner = launch.bin_directory + "/weir";
  facts.log_file = launch.log.file;
  facts.ports_file = launch.command.ports_file;
  facts.program_options = launch.arguments;
  facts.revision = revision;
  TRY(auto options, read_daemon_options(launch.configuration, std::move(facts)));
  TRY(auto secret, config::secret_file(launch.configuration, launch.configuration_directory));
  return daemon::PreparedDaemon{
      .warnings = config::jobmanager_reach_warnings(launch.configuration),
      .serve = [options = std::move(options), secret = std::move(secret)] { return serve(options, secret); },
  };
}

}  // namespace

int run_jobmanager(int argument_count, char** arguments, std::string_view revision) {
  daemon::DaemonProgram program;
  program.name = "jobmanager";
  program.title = "JobManager";
  program.description = "The JobManager of a Weir cluster: takes jobs, gives them slots, watches over them.";
  program.key_options = {
      {"--host", "jobmanager.rpc.address", "the same as -D jobmanager.rpc.address="},
      {"-r,--webui-port", "rest.port", "the same as -D rest.port="},
      {"-x,--executionMode", "", "accepted and ignored, as scripts of Flink give it"},
  };
  program.prepare = [revision](const daemon::Launch& launch) { return prepare(launch, revision); };
  return daemon::run_daemon(program, argument_count, arguments);
}

}  // namespace weir::jobmanager

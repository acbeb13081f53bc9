#include "cli/commands.h"

#include <fmt/format.h>

#include "cli/client_settings.h"
#include "cli/command_line.h"
#include "cli/jobs.h"
#include "cli/new_job.h"
#include "cli/plan.h"
#include "cli/planner.h"
#include "cli/run.h"
#include "common/base/try.h"
#include "weir/version.h"

namespace weir::cli {

namespace {

/// Runs one verb; what the verbs share is made once, before.
struct Execution {
  const std::string& program;
  const ClientSettings& settings;
  const config::Configuration& configuration;
  const std::map<std::string, std::string>& job_configuration;
  Console& console;

  Result<int> operator()(const RunVerb& verb) const { return run(verb, job_configuration, settings, console); }
  Result<int> operator()(const InfoVerb& verb) const {
    return info(verb.program, program, configuration, job_configuration, console);
  }
  Result<int> operator()(const PlanVerb& verb) const {
    if (verb.frame_descriptor >= 0) return be_planner(verb);
    return plan(verb.program, program, configuration, job_configuration, console);
  }
  Result<int> operator()(const ListVerb& verb) const { return list(verb, settings, console); }
  Result<int> operator()(const CancelVerb& verb) const { return cancel(verb, settings, console); }
  Result<int> operator()(const NewVerb& verb) const {
    TRY(std::vector<std::string> files, make_new_job(verb.directory));
    for (const std::string& file : files) console.print(fmt::format("  {}/{}", verb.directory, file));
    console.print(fmt::format("A job to begin with; {}/README.md says how to build, test and run it.", verb.directory));
    return 0;
  }
  Result<int> operator()(const HelpVerb& verb) const {
    console.print(verb.text.substr(0, verb.text.find_last_not_of('\n') + 1));
    return 0;
  }
  Result<int> operator()(const VersionVerb&) const {
    console.print(fmt::format("Version: {} (REST API of Flink 1.20.5)", kVersion));
    return 0;
  }
};

Result<int> try_to(const std::string& program, const std::vector<std::string>& words,
                   const std::map<std::string, std::string>& environment, Console& console) {
  TRY(Command command, parse_command_line(words));
  ClientSettings settings;
  config::Configuration configuration;
  std::map<std::string, std::string> job_configuration;
  const PlanVerb* plan = std::get_if<PlanVerb>(&command.verb);
  bool is_planner = plan != nullptr && plan->frame_descriptor >= 0;  // which is told everything, and reads no file
  bool only_talks = std::holds_alternative<HelpVerb>(command.verb) || std::holds_alternative<NewVerb>(command.verb) ||
                    std::holds_alternative<VersionVerb>(command.verb);
  if (!is_planner && !only_talks) {
    TRY(job_configuration, job_settings(command.settings));
    TRY(configuration, client_configuration(program, environment, command.settings));
    TRY(settings, client_settings(configuration, command.address));
    bool is_local = plan != nullptr || std::holds_alternative<InfoVerb>(command.verb);
    if (!is_local && settings.address.port == "0") {
      return Error::user(ErrorCode::invalid_argument,
                         "the JobManager's port is not known here, as rest.port is 0: write -m HOST:PORT");
    }
  }
  return std::visit(Execution{program, settings, configuration, job_configuration, console}, command.verb);
}

}  // namespace

int execute(const std::string& program, const std::vector<std::string>& words,
            const std::map<std::string, std::string>& environment, Console& console) {
  Result<int> outcome = try_to(program, words, environment, console);
  if (!outcome.ok()) console.complain(outcome.error().message);
  if (!console.lost().empty()) console.complain(fmt::format("cannot write to standard output: {}", console.lost()));
  if (outcome.ok() && *outcome == 0 && !console.lost().empty()) return 1;
  return outcome.ok() ? *outcome : 1;
}

}  // namespace weir::cli

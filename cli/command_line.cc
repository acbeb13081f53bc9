#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>

#include "common/base/text.h"
#include "common/base/try.h"

namespace weir::cli {

namespace {

constexpr std::array<std::string_view, 6> kVerbs = {"run", "list", "info", "plan", "cancel", "new"};

/// What people who come from Flink will try, and what to do instead.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kVerbsOfFlink = {{
    {"stop", "it ends a job with a savepoint, which there is none of yet; weir cancel ends it without"},
    {"savepoint", "jobs have no savepoints yet"},
    {"checkpoint", "jobs have no checkpoints yet"},
    {"run-application", "start a cluster with bin/start-cluster.sh and use weir run"},
}};

/// The words of one verb: options in the form that CLI11 reads, and what follows them.
struct Words {
  std::vector<std::string> options;
  std::vector<std::string> rest;
};

Error wrong_use(std::string_view verb, std::string_view why) {
  return Error::user(ErrorCode::invalid_argument, fmt::format("{} (weir {} --help lists the options)", why, verb));
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::Option* find_long(const CLI::App& app, const std::string& name) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_lname(name)) return option;
  }
  return nullptr;
}

const CLI::Option* find_short(const CLI::App& app, char letter) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_sname(std::string(1, letter))) return option;
  }
  return nullptr;
}

/// One option word in CLI11's form, "--name" with its value apart; nothing when the verb does not know it.
struct Spelled {
  const CLI::Option* option = nullptr;
  std::optional<std::string> value;  // given in the same word
};
std::optional<Spelled> spell(const CLI::App& app, const std::string& word) {
  std::string name = word.substr(word.starts_with("--") ? 2 : 1);
  std::optional<std::string> value;
  std::size_t equals = name.find('=');
  std::string before = name.substr(0, equals);
  if (equals != std::string::npos) value = name.substr(equals + 1);
  if (const CLI::Option* option = find_long(app, before)) return Spelled{option, value};
  if (word.starts_with("--") || name.empty()) return std::nullopt;
  const CLI::Option* option = find_short(app, name.front());
  if (option == nullptr) return std::nullopt;
  if (name.size() == 1) return Spelled{option, std::nullopt};
  if (!takes_value(*option)) return std::nullopt;
  std::string attached = name.substr(1);  // -p4, -Dkey=value, -m=host:port
  if (attached.starts_with('=')) attached.erase(0, 1);
  return Spelled{option, std::move(attached)};
}

/// Parts options from the rest. CLI11 alone knows neither -sae nor -parallelism, and would read the program's
/// arguments.
/// @param ends_at_word  everything from the first word that is no option on is the rest
Result<Words> part(const CLI::App& app, const std::string& verb, const std::vector<std::string>& words,
                   bool ends_at_word) {
  Words parted;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    bool is_option = word.size() > 1 && word.front() == '-' && word != "--";
    if (!is_option) {
      if (word == "--") ++i;
      bool to_end = ends_at_word || word == "--";
      if (!to_end) {
        parted.rest.push_back(word);
        continue;
      }
      parted.rest.insert(parted.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      break;
    }
    std::optional<Spelled> spelled = spell(app, word);
    if (!spelled) return wrong_use(verb, fmt::format("{} does not know the option {}", verb, word));
    parted.options.push_back(spelled->option->get_lnames().empty() ? "-" + spelled->option->get_snames().front()
                                                                   : "--" + spelled->option->get_lnames().front());
    if (!takes_value(*spelled->option)) {
      if (spelled->value) return wrong_use(verb, fmt::format("the option {} takes no value", word));
      continue;
    }
    if (!spelled->value && i + 1 == words.size())
      return wrong_use(verb, fmt::format("the option {} needs a value", word));
    parted.options.push_back(spelled->value ? *spelled->value : words[++i]);
  }
  return parted;
}

/// The options that every verb has.
void add_common(CLI::App& app, Command& command) {
  app.set_help_flag("-h,--help", "Show this text");
  app.add_option("-m,--jobmanager", command.address,
                 "Address of the JobManager's REST API: HOST:PORT or http://HOST:PORT")
      ->type_name("ADDRESS");
  app.add_option("-D", command.settings, "Set a configuration key: -Dkey=value or -D key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
}

void add_program(CLI::App& app, Program& program) {
  app.add_option("-c,--class", program.entry, "Which job of the library, where it has several")->type_name("NAME");
  app.add_option("-p,--parallelism", program.parallelism, "Default parallelism, at least 1")
      ->check(CLI::Range(1, 32768))
      ->type_name("N");
  app.add_option("-j,--jarfile", program.library, "The job library, where it is not the first word after the options")
      ->type_name("PATH");
}

/// Runs CLI11 over the parted options. A text that is not empty is the help that was asked for.
Result<std::string> read_options(CLI::App& app, const std::string& verb, const Words& words) {
  // CLI11 takes options and values from the back.
  std::vector<std::string> reversed(words.options.rbegin(), words.options.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::string text = app.help();
    std::size_t twice = text.find(" [OPTIONS]\n");  // CLI11 adds its own to the usage that is our name
    return twice == std::string::npos ? text : text.erase(twice, std::string_view(" [OPTIONS]").size());
  } catch (const CLI::ParseError& error) {
    return wrong_use(verb, fmt::format("{}: {}", verb, error.what()));
  }
  return std::string();
}

Result<void> take_program(const std::string& verb, Program& program, std::vector<std::string> rest) {
  if (program.library.empty()) {
    if (rest.empty())
      return wrong_use(verb, fmt::format("{} needs a job library: weir {} [OPTIONS] LIBRARY [ARGUMENTS]", verb, verb));
    program.library = std::move(rest.front());
    rest.erase(rest.begin());
  }
  program.arguments = std::move(rest);
  return {};
}

Result<Command> help(std::string text) {
  Command command;
  command.verb = HelpVerb{std::move(text)};
  return command;
}

Result<Command> parse_run(const std::vector<std::string>& words) {
  Command command;
  RunVerb run;
  CLI::App app("Uploads a job library and starts a job from it", "weir run [OPTIONS] LIBRARY [ARGUMENTS]");
  add_common(app, command);
  add_program(app, run.program);
  app.add_flag("-d,--detached", run.detached, "Return when the job has been submitted; else wait for its end");
  app.add_flag("--sae,--shutdownOnAttachedExit", run.cancel_on_exit,
               "When the waiting client is interrupted, cancel the job");
  TRY(Words parted, part(app, "run", words, true));
  TRY(std::string text, read_options(app, "run", parted));
  if (!text.empty()) return help(std::move(text));
  TRY_VOID(take_program("run", run.program, std::move(parted.rest)));
  command.verb = std::move(run);
  return command;
}

Result<Command> parse_info(const std::vector<std::string>& words) {
  Command command;
  InfoVerb info;
  CLI::App app("Shows the plan of a job as JSON, without starting it", "weir info [OPTIONS] LIBRARY [ARGUMENTS]");
  add_common(app, command);
  add_program(app, info.program);
  TRY(Words parted, part(app, "info", words, true));
  TRY(std::string text, read_options(app, "info", parted));
  if (!text.empty()) return help(std::move(text));
  TRY_VOID(take_program("info", info.program, std::move(parted.rest)));
  command.verb = std::move(info);
  return command;
}

Result<Command> parse_plan(const std::vector<std::string>& words) {
  Command command;
  PlanVerb plan;
  CLI::App app("Runs a job library's build function here and prints its plan as JSON",
               "weir plan [OPTIONS] LIBRARY [--] [ARGUMENTS]");
  add_common(app, command);
  add_program(app, plan.program);
  app.add_option("--entry", plan.program.entry, "The same as --class")->type_name("NAME");
  app.add_option("--shown-name", plan.shown_name, "What to call the library in messages")->type_name("NAME");
  app.add_option("--frame-fd", plan.frame_descriptor, "Write the plan to this descriptor, for the JobManager")
      ->type_name("N");
  app.add_option("--configuration-fd", plan.configuration_descriptor,
                 "Read the job's configuration from this descriptor")
      ->type_name("N");
  TRY(Words parted, part(app, "plan", words, true));
  TRY(std::string text, read_options(app, "plan", parted));
  if (!text.empty()) return help(std::move(text));
  TRY_VOID(take_program("plan", plan.program, std::move(parted.rest)));
  std::vector<std::string>& arguments = plan.program.arguments;
  if (!arguments.empty() && arguments.front() == "--") arguments.erase(arguments.begin());
  command.verb = std::move(plan);
  return command;
}

Result<Command> parse_list(const std::vector<std::string>& words) {
  Command command;
  ListVerb list;
  CLI::App app("Lists jobs: running and scheduled ones when no option says otherwise", "weir list [OPTIONS]");
  add_common(app, command);
  app.add_flag("-r,--running", list.running, "Running and restarting jobs");
  app.add_flag("-s,--scheduled", list.scheduled, "Jobs that wait to run");
  app.add_flag("-a,--all", list.all, "Ended jobs as well");
  TRY(Words parted, part(app, "list", words, false));
  TRY(std::string text, read_options(app, "list", parted));
  if (!text.empty()) return help(std::move(text));
  if (!parted.rest.empty()) return wrong_use("list", fmt::format("list takes no argument: {}", parted.rest.front()));
  command.verb = list;
  return command;
}

Result<Command> parse_cancel(const std::vector<std::string>& words) {
  Command command;
  CLI::App app("Cancels a job", "weir cancel [OPTIONS] JOB_ID");
  add_common(app, command);
  TRY(Words parted, part(app, "cancel", words, false));
  TRY(std::string text, read_options(app, "cancel", parted));
  if (!text.empty()) return help(std::move(text));
  if (parted.rest.size() != 1)
    return wrong_use("cancel", "cancel needs one job id: weir cancel JOB_ID; weir list shows them");
  command.verb = CancelVerb{std::move(parted.rest.front())};
  return command;
}

Result<Command> parse_new(const std::vector<std::string>& words) {
  Command command;
  CLI::App app("Writes a new job to begin with: sources, a test, meson and CMake files", "weir new FOLDER");
  app.set_help_flag("-h,--help", "Show this text");
  TRY(Words parted, part(app, "new", words, false));
  TRY(std::string text, read_options(app, "new", parted));
  if (!text.empty()) return help(std::move(text));
  if (parted.rest.size() != 1)
    return wrong_use("new", "new needs one folder, whose name becomes the job's: weir new my-job");
  command.verb = NewVerb{std::move(parted.rest.front())};
  return command;
}

}  // namespace

std::string usage() {
  return "Usage: weir VERB [OPTIONS] [ARGUMENTS]\n"
         "\n"
         "  run     Upload a job library and start a job from it\n"
         "  info    Show the plan of a job in Flink's frame, without starting it\n"
         "  plan    Print the plan of a job as JSON\n"
         "  list    List jobs\n"
         "  cancel  Cancel a job\n"
         "  new     Write a new job to begin with\n"
         "\n"
         "weir VERB --help lists the options of a verb; weir --version shows the version.\n";
}

Result<Command> parse_command_line(const std::vector<std::string>& words) {
  if (words.empty()) return Error::user(ErrorCode::invalid_argument, "no verb given\n\n" + usage());
  const std::string& verb = words.front();
  std::vector<std::string> rest(words.begin() + 1, words.end());
  if (verb == "-h" || verb == "--help" || verb == "help") return help(usage());
  if (verb == "--version" || verb == "-version" || verb == "version") {
    Command command;
    command.verb = VersionVerb();
    return command;
  }
  if (verb == "run") return parse_run(rest);
  if (verb == "info") return parse_info(rest);
  if (verb == "plan") return parse_plan(rest);
  if (verb == "list") return parse_list(rest);
  if (verb == "cancel") return parse_cancel(rest);
  if (verb == "new") return parse_new(rest);
  for (const auto& [known, why] : kVerbsOfFlink) {
    if (verb == known)
      return Error::user(ErrorCode::invalid_argument, fmt::format("this version has no verb {}: {}", known, why));
  }
  std::string_view near = nearest(verb, kVerbs);
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("weir knows no verb {}{}", printable(verb, 60),
                                 near.empty() ? "; weir --help lists them" : fmt::format(": did you mean {}?", near)));
}

}  // namespace weir::cli

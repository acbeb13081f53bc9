#pragma once

#include <string>
#include <variant>
#include <vector>

#include "weir/result.h"

namespace weir::cli {

/// What a job library is started with; shared by run, info and plan.
struct Program {
  std::string library;                 ///< path here
  std::string entry;                   ///< empty: the library's only job
  int parallelism = 0;                 ///< 0: not given
  std::vector<std::string> arguments;  ///< verbatim
};

struct RunVerb {
  Program program;
  bool detached = false;
  bool cancel_on_exit = false;  ///< -sae
};
struct InfoVerb {
  Program program;
};
struct PlanVerb {
  Program program;
  int frame_descriptor = -1;          ///< the JobManager's planner child: where the plan goes
  int configuration_descriptor = -1;  ///< and where the job's configuration comes from
  std::string shown_name;             ///< what to call the library in sentences; empty: its file's name
};
struct ListVerb {
  bool running = false;
  bool scheduled = false;
  bool all = false;
};
struct CancelVerb {
  std::string job_id;
};
struct NewVerb {
  std::string directory;  ///< of the new job; its last part is the name
};
struct HelpVerb {
  std::string text;
};
struct VersionVerb {};

/// A command line, taken apart. Lives on: any thread (a value).
struct Command {
  std::variant<RunVerb, InfoVerb, PlanVerb, ListVerb, CancelVerb, NewVerb, HelpVerb, VersionVerb> verb;
  std::string address;                ///< -m; empty when not given
  std::vector<std::string> settings;  ///< the key=value of each -D, in order
};

/// Reads what stands after the program's name. Long options may have one dash, as Flink's have; in run, info and plan
/// everything from the first word that is no option on is the library and its arguments, untouched. Lives on: any
/// thread (pure). Errors: invalid_argument for an unknown verb (names the nearest) or option, a missing value or
/// library.
Result<Command> parse_command_line(const std::vector<std::string>& words);

/// What `weir --help` prints.
std::string usage();

}  // namespace weir::cli

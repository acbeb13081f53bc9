#pragma once

#include <string>
#include <variant>
#include <vector>

#include "api/weir/result.h"

namespace weir::cli {

/// What a job library is started with; shared by run, info and plan.
struct Program {
  std::string library;  ///< path here
  std::string entry;    ///< empty: the library's only job
  int parallelism = 0;  ///< 0: not given
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
struct ListVerb {
  bool running = false;
  bool scheduled = false;
  bool all = false;
};
struct CancelVerb {
  std::string job_id;
};
struct HelpVerb {
  std::string text;
};
struct VersionVerb {};

/// A command line, taken apart. Lives on: any thread (a value).
struct Command {
  std::variant<RunVerb, InfoVerb, ListVerb, CancelVerb, HelpVerb, VersionVerb> verb;
  std::string address;                ///< -m; empty when not given
  std::vector<std::string> settings;  ///< the key=value of each -D, in order
};

/// Reads what stands after the program's name. Long options may have one dash, as Flink's have; in run and info everything from
/// the first word that is no option on is the library and its arguments, untouched.
/// Lives on: any thread (pure).
/// Errors: invalid_argument for an unknown verb (names the nearest) or option, a missing value or library.
Result<Command> parse_command_line(const std::vector<std::string>& words);

/// What `weir --help` prints.
std::string usage();

}  // namespace weir::cli

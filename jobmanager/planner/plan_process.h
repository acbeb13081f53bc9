// Runs the planner: a short-lived child in which user code makes the plan.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/plan/job_graph.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// What a planner child may use. The child is ended with a sentence when it exceeds one of them.
struct PlannerLimits {
  std::chrono::milliseconds timeout{60'000};     ///< weir.planner.timeout; its CPU seconds are bounded by the same
  std::uint64_t address_space_bytes = 1u << 30;  ///< weir.planner.memory
  std::uint64_t file_bytes = 64u << 20;          ///< of any file that it writes
  std::uint64_t open_files = 1024;
};

/// What to plan.
struct PlannerCommand {
  std::string executable;              ///< path of `weir`
  std::string home;                    ///< WEIR_HOME: its lib and usrlib are where shared libraries are looked for
  std::string library;                 ///< path of the job library
  std::string shown_name;              ///< what the planner calls it in sentences; empty: its file's name
  std::string entry;                   ///< empty: the library's only job
  std::vector<std::string> arguments;  ///< verbatim
  std::map<std::string, std::string> configuration;  ///< job keys, after layering
  std::map<std::string, std::string> environment;    ///< containerized.master.env.*
  int stop_descriptor = -1;  ///< of a PlannerStop: the planner is ended once it is readable; -1: none
};

/// Runs `weir plan --frame-fd N --configuration-fd M [--entry E] [--shown-name NAME] LIBRARY -- ARGUMENTS` and takes
/// its plan. Blocks for as long as the child runs, at most the time-out: for the blocking pool. Its whole session is
/// dead when this returns. The child has a session of its own, limits, a cleared environment (TZ=UTC, LANG=C.UTF-8,
/// LD_LIBRARY_PATH, WEIR_HOME, what the command adds), /dev/null as standard input, and its output is read and thrown
/// away but for the last lines. Errors: invalid_argument (user) with the planner's own sentence, or with what happened
/// to it (signal, exit code, time, garbage) and the last lines that it wrote; unavailable when it was stopped; io when
/// no child could be started.
Result<plan::Plan> run_planner(const PlannerCommand& command, const PlannerLimits& limits);

}  // namespace weir::jobmanager

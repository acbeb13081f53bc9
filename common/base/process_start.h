// Starts a child process with exactly the descriptors, variables and limits that it is given.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "weir/result.h"

namespace weir {

/// Limits of a child, as setrlimit takes them. It writes no core file.
struct ProcessLimits {
  std::uint64_t cpu_seconds = 60;  ///< SIGXCPU then, SIGKILL a second later
  std::uint64_t address_space_bytes = 1u << 30;
  std::uint64_t file_bytes = 64u << 20;
  std::uint64_t open_files = 1024;
};

/// A descriptor of this process that is open in the child.
struct PassedDescriptor {
  int descriptor = -1;
  int number = -1;  ///< in the child, above 2
};

/// What a child is started with.
struct ProcessSpec {
  std::string executable;
  std::vector<std::string> arguments;    ///< with argv[0]
  std::vector<std::string> environment;  ///< "NAME=value", all of it
  int standard_input = -1;               ///< -1: /dev/null
  int standard_output = -1;
  int standard_error = -1;
  std::vector<PassedDescriptor> passed;  ///< all others are closed
  bool own_session = false;              ///< a session of its own; else a process group of its own
  std::optional<ProcessLimits> limits;
  std::string working_directory;  ///< empty: this process's
};

/// A child that runs. Whoever has it waits for it.
struct StartedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;  ///< becomes readable when the child has ended
};

/// Starts a child, which has standard signal handlers and an empty signal mask. Signals are blocked meanwhile, so that
/// no handler of this process runs in the child. The kernel kills the child when the thread that started it ends
/// (PR_SET_PDEATHSIG): start it from a thread that outlives it. Blocks for the milliseconds of fork and exec.
/// Errors: io with what could not be done and the reason; then there is no child.
Result<StartedProcess> start_process(const ProcessSpec& spec);

}  // namespace weir

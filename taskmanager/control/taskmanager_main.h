// What the program does, whichever engine its workers run.
#pragma once

#include "taskmanager/worker/session.h"

namespace weir::taskmanager {

/// The daemon, or a job worker (`--worker`), or the reader of a crash report (`--symbolise-crash`): by the first
/// argument.
/// @return  exit code, docs/operations.md
int run_taskmanager(int argument_count, char** arguments, const MakeTaskRuntime& make_runtime);

}  // namespace weir::taskmanager

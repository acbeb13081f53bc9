// The main function of a job worker's process.
#pragma once

#include "taskmanager/worker/session.h"

namespace weir::taskmanager {

/// Whether the arguments are those of a worker: `--worker` comes first.
bool is_worker_command(int argument_count, char** arguments);

/// Runs a worker to its end; does not return to main: user code's destructors and exit handlers are not run, what
/// stands in the buffers of standard output is written. Arguments: `--worker --name NAME --calls-fd N --descriptors-fd
/// N --crash-report-fd N`, as WorkerProcess gives them.
[[noreturn]] void run_worker(int argument_count, char** arguments, const MakeTaskRuntime& make_runtime);

}  // namespace weir::taskmanager

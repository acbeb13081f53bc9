// The stack of a crashed worker as text, found in a process of its own.
#pragma once

#include <string>

#include "common/async/clock.h"
#include "common/async/executor.h"
#include "taskmanager/crash/crash_report.h"

namespace weir::taskmanager {

/// Reading a user's debug information takes memory and time, and a damaged library may crash the reader: so it happens
/// in a child,
/// `<executable> --symbolise-crash`, with limits. When it fails or takes too long the frames have module and offset
/// only. Lives on: the control thread.
/// @param executable  the TaskManager's own program
/// @return  lines as render_stack makes them; empty when the report has no frames
Async<std::string> crash_stack(asio::any_io_executor executor, Clock& clock, const std::string& executable,
                               const CrashReport& report, const std::string& report_bytes);

/// What the child does: reads a report from standard input, writes the stack to standard output.
/// @return  exit code
int symbolise_crash_from_stdin();

}  // namespace weir::taskmanager

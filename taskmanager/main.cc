// Wiring only: the program with the engine that its workers run. Exit codes: docs/operations.md.
#include <memory>
#include <vector>

#include "api/loader/job_library.h"
#include "common/async/clock.h"
#include "common/base/try.h"
#include "proto/worker.pb.h"
#include "taskmanager/control/taskmanager_main.h"
#include "taskmanager/crash/throw_place.h"
#include "taskmanager/worker/job_runtime.h"
#include "weir/arguments.h"

namespace {

using namespace weir;
using namespace weir::taskmanager;

Result<StreamGraph> open_graph(const proto::StartWorkerRequest& request) {
  const proto::JobArtefact& artefact = request.artefact();
  TRY(JobLibrary library, JobLibrary::open(request.library(), artefact.file_name()));
  const Arguments arguments(std::vector<std::string>(artefact.arguments().begin(), artefact.arguments().end()));
  return library.build(artefact.entry(), arguments, {request.configuration().begin(), request.configuration().end()});
}

std::unique_ptr<TaskRuntime> make_runtime(const TimeSource& time, TaskRuntimeEvents& events) {
  JobRuntimeSettings settings;
  settings.open_graph = open_graph;
  settings.throw_place = last_throw_stack;
  return std::make_unique<JobRuntime>(std::move(settings), time, events);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const SystemClock clock;
  return run_taskmanager(argument_count, arguments,
                         [&clock](TaskRuntimeEvents& events) { return make_runtime(clock, events); });
}

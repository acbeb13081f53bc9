// Wiring only. Exit codes: docs/operations.md.
#include "jobmanager/jobmanager_main.h"
#include "jobmanager/revision.h"

int main(int argument_count, char** arguments) {
  return weir::jobmanager::run_jobmanager(argument_count, arguments, weir::jobmanager::revision());
}

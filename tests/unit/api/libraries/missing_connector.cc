// A job library that uses a connector and is not linked with weir-connectors.
#include "weir/job.h"

namespace weir::connectors {
int make_something(int number);
}

WEIR_JOB(incomplete) { env.set_parallelism(weir::connectors::make_something(1)); }

// A job library that needs a function which is nowhere.
#include "weir/job.h"

namespace elsewhere {
int count(int number);
}

WEIR_JOB(incomplete) { env.set_parallelism(elsewhere::count(1)); }

// A job library for tests: build functions that are right and that are wrong.
#include <stdexcept>

#include "weir/job.h"

namespace {

struct Nowhere : weir::Sink<std::int64_t> {
  std::string name() const override { return "nowhere"; }
  std::unique_ptr<weir::Operator> make_writer() const override { return nullptr; }
};
struct Strange {};

}  // namespace

WEIR_JOB(good) {
  env.set_parallelism(args.get_or<int>("parallelism", 1));
  env.set("seen", std::string(env.get("given")));
  env.from_collection<std::int64_t>({1, 2, 3}).map([](std::int64_t n) { return n; }).sink_to(Nowhere());
}
WEIR_JOB(named) { env.set_job_name("a name of its own").from_collection<std::int64_t>({1}).sink_to(Nowhere()); }
WEIR_JOB(misused) { static_cast<void>(args.require("input")); }
WEIR_JOB(throws) { throw std::out_of_range("at 7"); }
WEIR_JOB(throws_strange) { throw Strange(); }

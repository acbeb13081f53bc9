// Generator -> discarding sink in one chain: what the slot's loop, the task and the chain cost beside the bare loop
// that makes the same blocks. Rows per CPU second.
#include "tests/bench/engine_jobs.h"

namespace weir::bench {
namespace {

template <class Maker>
void measure(const Printer& printer, const char* name, std::uint64_t count, std::optional<double> target) {
  std::vector<Rate> rates;
  double limit = 0;
  for (int round = 0; round < 3; ++round) {
    limit = std::max(limit, bare_loop<Maker>(count, false));
    rates.push_back(run_job<Maker>(count, 1, false, {.slots = 1, .spin_us = 30}));
  }
  const Rate rate = median(rates);
  printer.print({.name = name,
                 .value = rate.per_core / 1e6,
                 .unit = "M rows/s/core",
                 .per_core = rate.per_core / 1e6,
                 .target = target,
                 .limit = limit / 1e6});
}

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  using namespace weir::bench;
  const Printer printer(argument_count, arguments);
  measure<SmallMaker>(printer, "pass-through, small record", 200'000'000, std::nullopt);
  measure<BidMaker>(printer, "pass-through, bid record", 50'000'000, 140.0);
}

// Generator -> exchange by key -> count -> sink on two slots: through rings in one process, and over loopback TCP between two engines.
// The limit is a bare loop on one thread that makes the same rows and counts them, without an exchange.
#include "tests/bench/engine_jobs.h"

namespace weir::bench {
namespace {

template <class Maker>
void measure(const Printer& printer, const std::string& record, std::uint64_t count, double target, double tcp_target) {
  std::vector<Rate> memory;
  std::vector<Rate> tcp;
  double limit = 0;
  for (int round = 0; round < 3; ++round) {
    limit = std::max(limit, bare_loop<Maker>(count / 2, true));
    memory.push_back(run_job<Maker>(count, 2, true, {.slots = 2, .spin_us = 30}));
    tcp.push_back(run_job<Maker>(count, 2, true, {.task_managers = 2, .slots = 1, .spin_us = 30}));
  }
  const auto print = [&](const std::string& how, const Rate& rate, double aim) {
    printer.print({.name = "keyed count, " + record + ", " + how, .value = rate.per_core / 1e6, .unit = "M rows/s/core", .per_core = rate.per_core / 1e6,
                   .target = aim, .limit = limit / 1e6});
  };
  print("one process", median(memory), target);
  print("TCP", median(tcp), tcp_target);
}

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  using namespace weir::bench;
  const Printer printer(argument_count, arguments);
  measure<SmallMaker>(printer, "small record", 100'000'000, 52, 35);
  measure<BidMaker>(printer, "bid record", 30'000'000, 23, 14);
}

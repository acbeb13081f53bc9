// Generator -> exchange by key -> count -> sink on two slots: through rings in one process, and over loopback TCP
// between two engines. The limit is a bare loop on one thread that makes the same rows and counts them, without an
// exchange. Each run stands between two measures of how far apart the cores are: on a virtual machine that changes
// under it, and with it the figure by a factor of two.
#include <string>
#include <vector>

#include "tests/bench/engine_jobs.h"
#include "tests/bench/handover.h"

namespace weir::bench {
namespace {

constexpr int kRounds = 5;

/// The runs of one measure, by where the cores were. Those during which they moved count for neither.
struct Runs {
  std::vector<Rate> near;
  std::vector<Rate> far;
};

template <class Maker>
void run(Runs& runs, std::uint64_t count, const test::ClusterSettings& settings,
         Registers registers = Registers::clean) {
  const double before = handover_us();
  const Rate rate = run_job<Maker>(count, 2, true, settings, registers);
  const double after = handover_us();
  if (before <= kFarHandoverUs && after <= kFarHandoverUs) runs.near.push_back(rate);
  if (before > kFarHandoverUs && after > kFarHandoverUs) runs.far.push_back(rate);
}

template <class Maker>
void measure(const Printer& printer, const std::string& record, std::uint64_t count, double target, double tcp_target) {
  Runs memory;
  Runs in_use;
  Runs tcp;
  double limit = 0;
  for (int round = 0; round < kRounds; ++round) {
    limit = std::max(limit, bare_loop<Maker>(count / 2, true));
    run<Maker>(memory, count, {.slots = 2, .spin_us = 30});
    run<Maker>(in_use, count, {.slots = 2, .spin_us = 30}, Registers::in_use);
    run<Maker>(tcp, count, {.task_managers = 2, .slots = 1, .spin_us = 30});
  }
  const auto print = [&](const std::string& how, const std::vector<Rate>& rates, double aim) {
    if (rates.empty()) return;
    const double rate = median(rates).per_core / 1e6;
    printer.print({.name = "keyed count, " + record + ", " + how,
                   .value = rate,
                   .unit = "M rows/s/core",
                   .per_core = rate,
                   .target = aim,
                   .limit = limit / 1e6});
  };
  print("one process", memory.near, target);
  print("one process, cores far apart", memory.far, target);
  // User code that leaves the upper halves of the vector registers in use must cost nothing.
  print("one process, registers left in use", in_use.near, target);
  print("one process, registers left in use, cores far apart", in_use.far, target);
  print("TCP", tcp.near, tcp_target);
  print("TCP, cores far apart", tcp.far, tcp_target);
}

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  using namespace weir::bench;
  const Printer printer(argument_count, arguments);
  measure<SmallMaker>(printer, "small record", 100'000'000, 105, 60);
  measure<BidMaker>(printer, "bid record", 30'000'000, 40, 28);
  printer.print({.name = "32 KiB written by one core and read by another",
                 .value = handover_us(),
                 .unit = "us",
                 .higher_is_better = false});
}

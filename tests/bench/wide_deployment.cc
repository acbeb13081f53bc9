// What a wide all-to-all job costs the JobManager: time and bytes from the plan to the last TaskManager's reply, and
// how long anything else had to wait for the control thread meanwhile.
#include <fmt/format.h>

#include <chrono>

#include "common/observe/log.h"
#include "tests/bench/measure.h"
#include "tests/sim/wide_cluster.h"

namespace weir::bench {
namespace {

double ms(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

void print(const Printer& printer, std::string name, double value, std::string unit, std::optional<double> target) {
  Measure measure;
  measure.name = std::move(name);
  measure.value = value;
  measure.unit = std::move(unit);
  measure.target = target;
  measure.higher_is_better = false;
  printer.print(measure);
}

void run(const Printer& printer, int parallelism, std::uint32_t slots, std::optional<double> time_ms,
         std::optional<double> megabytes) {
  const sim::WideDeployment wide = sim::deploy_wide(parallelism, slots);
  const std::string what =
      fmt::format("{0} x {0} all-to-all to {1} TaskManagers of {2} slots", parallelism, wide.messages, slots);
  print(printer, what + ": planned and deployed", ms(wide.time), "ms", time_ms);
  print(printer, what + ": deploy messages", static_cast<double>(wide.bytes) / 1e6, "MB", megabytes);
  print(printer, what + ": longest stall of the control thread", ms(wide.longest_stall), "ms", 50.0);
}

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  weir::log::set_level(weir::log::Level::off);
  const weir::bench::Printer printer(argument_count, arguments);
  weir::bench::run(printer, 1'000, 10, 2'000.0, 16.0);
  weir::bench::run(printer, 2'000, 10, std::nullopt, std::nullopt);
  weir::bench::run(printer, 1'000, 1, std::nullopt, std::nullopt);
  return 0;
}

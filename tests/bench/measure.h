// The lines that every benchmark prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::bench {

/// One measured value. `tools/dev bench` reads it; docs/performance.md explains the fields.
struct Measure {
  std::string name;  ///< "rpc round trip, one call at a time"
  double value = 0;
  std::string unit;                ///< "us", "calls/s", "MB"
  std::optional<double> per_core;  ///< value per CPU second used, where that says more
  std::optional<double> target;    ///< what it is to reach
  std::optional<double> limit;     ///< what a bare loop or the hardware reaches in the same run, in the same unit
  bool higher_is_better = true;
};

/// value / limit, or limit / value when lower is better: 1 is as good as the limit. Nothing without a limit.
std::optional<double> ratio_of(const Measure& measure);

/// Prints measures as a line each: words, or with --json one JSON object. The fields are name, value, unit, per_core,
/// target, limit, ratio and better; those that are missing are null in JSON and left out in words.
class Printer {
 public:
  /// Takes --json out of the arguments; ends the process with status 2 and a sentence on any other one.
  Printer(int argument_count, char** arguments);
  void print(const Measure& measure) const;

 private:
  bool as_json_ = false;
};

/// CPU seconds that this process has used so far, all threads.
double cpu_seconds();
/// Seconds on the steady clock.
double steady_seconds();

/// Records per CPU second over rounds of `work`, which answers how many it did, for a second or more.
template <class Work>
double records_per_second(Work&& work) {
  work();
  std::uint64_t records = 0;
  const double began = cpu_seconds();
  double now = began;
  while (now - began < 1.0) {
    records += work();
    now = cpu_seconds();
  }
  return static_cast<double>(records) / (now - began);
}

/// A rate of one thread, "records/s".
Measure per_core_measure(std::string name, double value, double limit);

}  // namespace weir::bench

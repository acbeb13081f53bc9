// How far apart the machine's cores are now: beside figures of jobs whose slots hand blocks to each other.
#include "tests/bench/handover.h"
#include "tests/bench/measure.h"

int main(int argument_count, char** arguments) {
  const weir::bench::Printer printer(argument_count, arguments);
  printer.print({.name = "32 KiB written by one core and read by another",
                 .value = weir::bench::handover_us(),
                 .unit = "us",
                 .higher_is_better = false});
}

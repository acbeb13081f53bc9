// Tests the job's functions without a cluster: operators stepped by hand.
#include <weir/testing.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "@name@.h"

namespace {

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

}  // namespace

int main() {
  weir::testing::OperatorHarness<std::string, @ident@::Count> harness(
      [](auto lines) { return lines.flat_map(@ident@::split).key_by(&@ident@::Count::word).reduce(@ident@::add); });
  harness.push("to be, or not to be");

  std::map<std::string, long> counts;
  for (const @ident@::Count& row : harness.take()) counts[row.word] = row.count;  // the last row of a word counts
  check(counts.size() == 4, "four words");
  check(counts["be"] == 2, "'be' stands there twice");
  check(counts["not"] == 1, "'not' stands there once");

  harness.push("");
  check(harness.take().empty(), "an empty line has no words");
  std::puts("all good");
}

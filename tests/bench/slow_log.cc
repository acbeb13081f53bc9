// Records of a slow-query log: cut out of a file's bytes, parsed, reduced to fingerprints.
//   slow_log [LOG] [--json]

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "examples/slow_query_log/record_splitter.h"
#include "examples/slow_query_log/slow_log_parser.h"
#include "tests/bench/measure.h"

namespace {

using namespace slow_query_log;
using weir::bench::Measure;

constexpr double kSecondsPerMeasure = 1.0;
/// docs/performance.md: the slow-log job's aim per core.
constexpr double kFingerprintAim = 3e6;

std::uint64_t checksum = 0;  // keeps the compiler from dropping what is measured

/// Rounds of `work` (which answers how many records it did) per second.
template <class Work>
double rate(Work&& work) {
  work();
  std::uint64_t records = 0;
  const double began = weir::bench::cpu_seconds();
  double now = began;
  while (now - began < kSecondsPerMeasure) {
    records += work();
    now = weir::bench::cpu_seconds();
  }
  return static_cast<double>(records) / (now - began);
}

Measure measure(std::string name, double value, double limit) {
  Measure made{.name = std::move(name), .value = value, .unit = "records/s"};
  made.per_core = value;
  made.limit = limit;
  return made;
}

void bench_slow_log(const std::string& log, const weir::bench::Printer& printer) {
  std::vector<std::string> records;
  RecordSplitter splitter({});
  splitter.feed(log);
  splitter.finish();
  while (auto record = splitter.next()) records.emplace_back(record->text);
  SlowLogParser parser;
  Fingerprinter fingerprinter;
  SlowQuery query;

  // A bare loop over the same bytes: every byte is looked at once.
  const double bytes_limit = rate([&] {
    for (const std::string& record : records) {
      std::uint64_t sum = 0;
      for (const char c : record) sum += static_cast<unsigned char>(c) == '\n';
      checksum += sum;
    }
    return records.size();
  });
  const double split = rate([&] {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = find_record_start(log, at, FileForm::blocks, true)) != std::string::npos; ++at) ++count;
    return count;
  });
  printer.print(measure("slow log, records cut out of a file", split, bytes_limit));
  const double parsed = rate([&] {
    for (const std::string& record : records) {
      parser.parse(record, query);
      checksum += static_cast<std::uint64_t>(query.query_time_us);
    }
    return records.size();
  });
  printer.print(measure("slow log, records parsed", parsed, bytes_limit));
  Measure both = measure("slow log, records parsed and fingerprinted", rate([&] {
                           for (const std::string& record : records) {
                             if (parser.parse(record, query) != SlowLogParser::Outcome::query) continue;
                             checksum += fingerprinter.normalise(query.statement, query.line_end).size();
                           }
                           return records.size();
                         }), bytes_limit);
  both.target = kFingerprintAim;
  printer.print(both);
}

}  // namespace

int main(int argc, char** argv) {
  const bool named = argc > 1 && std::strncmp(argv[1], "--", 2) != 0;
  const char* sample = named ? argv[1] : SLOW_QUERY_LOG_SAMPLE;
  const weir::bench::Printer printer(argc - (named ? 1 : 0), argv + (named ? 1 : 0));
  std::ifstream file(sample, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "slow_log: cannot read %s\n", sample);
    return 2;
  }
  bench_slow_log({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}, printer);
  return checksum == 0;
}

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
using weir::bench::per_core_measure;
using weir::bench::records_per_second;

/// docs/performance.md: the slow-log job's aim per core.
constexpr double kFingerprintAim = 3.5e6;

std::uint64_t checksum = 0;  // keeps the compiler from dropping what is measured

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
  const double bytes_limit = records_per_second([&] {
    for (const std::string& record : records) {
      std::uint64_t sum = 0;
      for (const char c : record) sum += static_cast<unsigned char>(c) == '\n';
      checksum += sum;
    }
    return records.size();
  });
  const double split = records_per_second([&] {
    RecordFinder finder(FileForm::blocks, LineEnd::newline);
    std::size_t count = 0;
    for (std::size_t at = 0; at != RecordFinder::npos; ++count)
      at = finder.find(log, at, RecordFinder::From::record, true).start;
    return count;
  });
  printer.print(per_core_measure("slow log, records cut out of a file", split, bytes_limit));
  const double parsed = records_per_second([&] {
    for (const std::string& record : records) {
      parser.begin(record);
      parser.next(query);
      checksum += static_cast<std::uint64_t>(query.query_time_us);
    }
    return records.size();
  });
  printer.print(per_core_measure("slow log, records parsed", parsed, bytes_limit));
  Measure both = per_core_measure("slow log, records parsed and fingerprinted", records_per_second([&] {
                                    for (const std::string& record : records) {
                                      parser.begin(record);
                                      if (parser.next(query) != SlowLogParser::Outcome::query) continue;
                                      checksum += fingerprinter.normalise(query.statement, query.line_end).size();
                                    }
                                    return records.size();
                                  }),
                                  bytes_limit);
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

// What the parts of the slow-query job make of a log: counts, sums and reasons.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "examples/slow_query_log/fingerprint.h"
#include "examples/slow_query_log/record_splitter.h"
#include "examples/slow_query_log/slow_log_parser.h"

namespace slow_query_log::test {

struct Folded {
  int queries = 0;
  int nothing = 0;
  std::vector<std::string> reasons;
  std::map<std::string, int> counts;
  std::int64_t total_us = 0;
  std::uint64_t rows_examined = 0;

  void take(std::string_view message) {
    parser.begin(message);
    while (const auto outcome = parser.next(query)) {
      switch (*outcome) {
        case SlowLogParser::Outcome::nothing: ++nothing; break;
        case SlowLogParser::Outcome::broken: reasons.emplace_back(parser.reason()); break;
        case SlowLogParser::Outcome::query:
          ++queries;
          ++counts[std::string(fingerprinter.normalise(query.statement, query.line_end))];
          total_us += query.query_time_us;
          rows_examined += query.rows_examined;
      }
    }
  }

  SlowLogParser parser;
  Fingerprinter fingerprinter;
  SlowQuery query;
};

/// @param chunk_bytes  how much the splitter is given at once
inline void fold(std::string_view file, Folded& folded, std::size_t chunk_bytes = SIZE_MAX) {
  RecordSplitter splitter({.form = form_of(file)});
  const auto take = [&] {
    while (auto record = splitter.next()) folded.take(record->text);
  };
  for (std::size_t at = 0; at < file.size(); at += std::min(chunk_bytes, file.size() - at)) {
    splitter.feed(file.substr(at, chunk_bytes));
    take();
  }
  splitter.finish();
  take();
}

}  // namespace slow_query_log::test

// Bytes of a slow-query log: split in chunks, parsed, reduced to fingerprints.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "examples/slow_query_log/record_splitter.h"
#include "examples/slow_query_log/slow_log_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slow_query_log;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t chunk_bytes = size == 0 ? 1 : 1 + data[0];
  RecordSplitter splitter({.form = form_of(bytes), .record_bytes_max = 2048});
  SlowLogParser parser;
  Fingerprinter fingerprinter;
  SlowQuery query;
  const auto take = [&](std::string_view record) {
    parser.begin(record);
    std::size_t read = 0;
    while (const auto outcome = parser.next(query)) {
      if (++read > record.size() + 1) std::abort();
      if (*outcome != SlowLogParser::Outcome::query) continue;
      if (fingerprinter.normalise(query.statement, query.line_end).size() > Fingerprinter::kBytesMax) std::abort();
    }
  };
  std::size_t given = 0;
  for (std::size_t at = 0; at < size; at += chunk_bytes) {
    splitter.feed(bytes.substr(at, chunk_bytes));
    while (auto record = splitter.next()) take(record->text), given += record->text.size();
  }
  splitter.finish();
  while (auto record = splitter.next()) take(record->text), given += record->text.size();
  if (given > size) std::abort();
  take(bytes);
  return 0;
}

// Counts words: weir run examples/word_count.so --input /path/to/text
#include <weir/connectors/console.h>
#include <weir/connectors/files.h>
#include <weir/job.h>

#include "word_count.h"

WEIR_JOB(word_count) {
  using namespace weir::connectors;
  args.allow_only({"input", "output"});
  auto lines = env.from_source(FileSource<std::string>(args.require("input"), raw_format()));
  auto counts = word_count::count_words(lines);
  if (args.has("output")) {
    counts.sink_to(FileSink<word_count::WordCount>(args.require("output"), json_format()));
  } else {
    counts.sink_to(PrintSink<word_count::WordCount>());
  }
}

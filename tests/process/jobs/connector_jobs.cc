// Jobs that copy lines from a source to a file sink, for the process tests of connectors.
#include <chrono>
#include <string>

#include <weir/datastream.h>
#include <weir/environment.h>
#include <weir/job.h>

#include <weir/connectors/files.h>
#include <weir/connectors/socket.h>

using namespace weir::connectors;
using namespace std::chrono_literals;

namespace {

FileSink<std::string> lines_to(const std::string& directory) {
  // The tests wait for parts of jobs that do not end.
  return FileSink<std::string>(directory, raw_format())
      .rolling_policy({.rollover_interval = 200ms, .inactivity_interval = 100ms});
}

}  // namespace

/// --input PATH --output DIR: every file that is there and that comes.
WEIR_JOB(watch_files) {
  FileSource<std::string> source(args.require("input"), raw_format());
  source.monitor_interval(50ms).on_bad_record(weir::OnBadRecord::dead_letter);
  auto lines = env.from_source(source);
  lines.bad_records().sink_to(FileSink<weir::BadRecord>(args.require("output") + "/bad", json_format())
                                  .rolling_policy({.inactivity_interval = 100ms}));
  lines.sink_to(lines_to(args.require("output")));
}

/// --input PATH --output DIR [--rate N]: what is there.
WEIR_JOB(copy_files) {
  FileSource<std::string> source(args.require("input"), raw_format());
  if (args.has("rate")) source.max_rate(args.require<double>("rate"));
  env.from_source(source).sink_to(lines_to(args.require("output")));
}

/// --port N --output DIR [--tries N]
WEIR_JOB(copy_socket) {
  SocketSource<std::string> source("127.0.0.1", args.require<int>("port"), raw_format());
  source.reconnect_tries(args.get_or<int>("tries", 0)).retry_delay(50ms);
  env.from_source(source).sink_to(lines_to(args.require("output")));
}

// Which statements take the time of a MySQL or MariaDB server: README.md beside this file.
//   weir run slow_query_log.so --input file:PATH|kafka:TOPIC --output console|file:DIR|kafka:TOPIC
//            [--brokers HOST:PORT] [--bad-records file:DIR|kafka:TOPIC] [--bounded] [--properties.KEY VALUE]...
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "examples/slow_query_log/functions.h"
#include "examples/slow_query_log/log_boundary.h"
#include "weir/connectors/console.h"
#include "weir/connectors/files.h"
#include "weir/connectors/kafka.h"
#include "weir/datastream.h"
#include "weir/environment.h"
#include "weir/file_path.h"
#include "weir/job.h"

namespace {

using namespace slow_query_log;
using namespace weir::connectors;

/// "file:///logs" -> {file, /logs}, "/logs" -> the same, "kafka:orders" -> {kafka, orders}
struct Place {
  std::string kind;
  std::string name;
};

Place parse_place(const std::string& option, const std::string& text, const std::vector<std::string>& kinds) {
  const std::size_t colon = text.find(':');
  Place place{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
  if (text.starts_with('/')) place = {"file", text};
  for (const std::string& kind : kinds) {
    if (place.kind != kind || (kind == "console") != place.name.empty()) continue;
    if (kind == "file") {
      const auto path = weir::parse_file_path(text);
      if (!path.ok()) throw weir::UsageError("--" + option + ": " + path.error().message);
      place.name = *path;
    }
    return place;
  }
  std::string forms;
  for (const std::string& kind : kinds) {
    if (!forms.empty()) forms += kind == kinds.back() ? " or " : ", ";
    forms += kind == "console"   ? "console"
             : kind == "kafka"   ? "kafka:TOPIC"
             : option == "input" ? "file:PATH"
                                 : "file:DIR";
  }
  throw weir::UsageError("--" + option + " is '" + text + "': it must be " + forms);
}

/// The options of one run; what makes no sense is refused here, before anything starts.
class Options {
 public:
  explicit Options(const weir::Arguments& given) {
    const weir::Arguments args = take_properties(given);
    args.allow_only({"input", "output", "brokers", "bad-records", "bounded"});
    input = parse_place("input", args.require("input"), {"file", "kafka"});
    output = parse_place("output", args.require("output"), {"console", "file", "kafka"});
    if (args.has("bad-records"))
      bad_records = parse_place("bad-records", args.require("bad-records"), {"file", "kafka"});
    brokers = args.get_or("brokers", "");
    bounded = args.get_or<bool>("bounded", false);
    const bool kafka = input.kind == "kafka" || output.kind == "kafka" || bad_records.kind == "kafka";
    if (kafka && brokers.empty()) throw weir::UsageError("a kafka topic is named, so --brokers HOST:PORT is needed");
  }

  Place input, output, bad_records;
  std::string brokers;
  bool bounded = false;
  KafkaProperties properties;

 private:
  /// Takes `--properties.KEY VALUE` and `--properties.KEY=VALUE` out of the words.
  weir::Arguments take_properties(const weir::Arguments& given) {
    static constexpr std::string_view kPrefix = "--properties.";
    std::vector<std::string> rest;
    const std::vector<std::string>& words = given.words();
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!words[i].starts_with(kPrefix)) {
        rest.push_back(words[i]);
        continue;
      }
      const std::string word = words[i].substr(kPrefix.size());
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos && i + 1 == words.size()) throw weir::UsageError(words[i] + " needs a value");
      properties[word.substr(0, equals)] = equals == std::string::npos ? words[++i] : word.substr(equals + 1);
    }
    return weir::Arguments(std::move(rest));
  }
};

weir::SingleOutput<weir::Text> read(weir::StreamExecutionEnvironment& env, const Options& options) {
  // A record that is too long or a message without a value is set aside; what the lines say is the parser's business.
  if (options.input.kind == "kafka") {
    KafkaSource<weir::Text> source(options.brokers, options.input.name, raw_format());
    source.properties(options.properties).group("weir-slow-query-log").on_bad_record(weir::OnBadRecord::dead_letter);
    if (options.bounded) source.stop_at_end();
    return env.from_source(source).uid("source");
  }
  FileSource<weir::Text> source(options.input.name, raw_format());
  source.record_boundary([] { return std::make_unique<LogBoundary>(); }).on_bad_record(weir::OnBadRecord::dead_letter);
  return env.from_source(source).uid("source");
}

template <class T>
KafkaSink<T> topic(const Options& options, const Place& place) {
  KafkaSink<T> sink(options.brokers, place.name, json_format());
  sink.properties(options.properties);
  return sink;
}

}  // namespace

WEIR_JOB(slow_query_log) {
  const Options options(args);
  auto records = read(env, options);
  auto queries = records.process(ParseRecord{}).name("Parse").uid("parse");

  auto changes = queries.key_by(&Query::fingerprint).process(CountQueries{}).name("Count").uid("totals");
  if (options.output.kind == "console") {
    changes.sink_to(PrintSink<Change>());
  } else if (options.output.kind == "file") {
    changes.sink_to(FileSink<Change>(options.output.name, json_format()));
  } else {
    // All changes of a fingerprint in one partition, so that the last one read is the result.
    changes.sink_to(topic<Change>(options, options.output).key([](const Change& change, std::string& key) {
      key = change.fingerprint.view();
    }));
  }

  if (options.bad_records.kind.empty()) return;
  auto broken = records.bad_records()
                    .union_with(queries.side_output(kBroken))
                    .map(set_aside)
                    .name("Set aside")
                    .uid("bad-records");
  if (options.bad_records.kind == "file") {
    broken.sink_to(FileSink<SetAside>(options.bad_records.name, json_format()));
  } else {
    broken.sink_to(topic<SetAside>(options, options.bad_records));
  }
}

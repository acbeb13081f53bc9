#include "tests/bench/measure.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace weir::bench {
namespace {

std::string number(const std::optional<double>& value) { return value ? fmt::format("{:.6g}", *value) : "null"; }

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') result += '\\';
    result += character;
  }
  return result + '"';
}

std::string as_json(const Measure& measure) {
  return fmt::format(
      R"({{"name":{},"value":{},"unit":{},"per_core":{},"target":{},"limit":{},"ratio":{},"better":"{}"}})",
      quoted(measure.name), number(measure.value), quoted(measure.unit), number(measure.per_core),
      number(measure.target), number(measure.limit), number(ratio_of(measure)),
      measure.higher_is_better ? "higher" : "lower");
}

std::string in_words(const Measure& measure) {
  auto line = fmt::format("{}: {} {}", measure.name, number(measure.value), measure.unit);
  const auto add = [&line](std::string_view name, const std::optional<double>& value) {
    if (value) line += fmt::format("  {} {}", name, number(value));
  };
  add("per core", measure.per_core);
  add("target", measure.target);
  add("limit", measure.limit);
  add("ratio", ratio_of(measure));
  return line + (measure.higher_is_better ? "  (higher is better)" : "  (lower is better)");
}

}  // namespace

std::optional<double> ratio_of(const Measure& measure) {
  if (!measure.limit || *measure.limit == 0 || measure.value == 0) return std::nullopt;
  return measure.higher_is_better ? measure.value / *measure.limit : *measure.limit / measure.value;
}

Printer::Printer(int argument_count, char** arguments) {
  for (int index = 1; index < argument_count; ++index) {
    if (std::string_view(arguments[index]) != "--json") {
      std::fprintf(stderr, "%s: unknown argument %s; the only one is --json\n", arguments[0], arguments[index]);
      std::exit(2);
    }
    as_json_ = true;
  }
}

void Printer::print(const Measure& measure) const {
  std::puts((as_json_ ? as_json(measure) : in_words(measure)).c_str());
  std::fflush(stdout);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Measure per_core_measure(std::string name, double value, double limit) {
  Measure made{.name = std::move(name), .value = value, .unit = "records/s"};
  made.per_core = value;
  made.limit = limit;
  return made;
}

}  // namespace weir::bench

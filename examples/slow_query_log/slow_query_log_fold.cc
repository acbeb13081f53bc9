// The same computation as the job's, in one thread and without Weir: what a result is compared with.
//   slow_query_log_fold --compare LOG RESULTS   exit 0 when the last line of each fingerprint in RESULTS (a file, or a
//   directory of part
//                                               files) is what a plain fold over LOG gives
//   slow_query_log_fold --joined LOG            the records of LOG, one a line, their lines joined by bars
//   slow_query_log_fold --top N RESULTS         the N fingerprints with the most time, as a table
//   slow_query_log_fold LOG                     the fold itself, one JSON object a line
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/slow_query_log/json_message.h"
#include "examples/slow_query_log/record_splitter.h"
#include "examples/slow_query_log/slow_log_parser.h"
#include "examples/slow_query_log/totals.h"

namespace {

using namespace slow_query_log;
namespace fs = std::filesystem;
using Fold = std::map<std::string, Totals>;

[[noreturn]] void fail(const std::string& sentence) {
  std::fprintf(stderr, "slow_query_log_fold: %s\n", sentence.c_str());
  std::exit(2);
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Calls visit(record) for each record of a log.
template <class Visit>
void for_each_record(const std::string& path, Visit&& visit) {
  const std::string log = read(path);
  RecordSplitter splitter({.form = form_of(log)});
  splitter.feed(log);
  splitter.finish();
  while (auto record = splitter.next()) {
    if (!record->too_long) visit(record->text);
  }
}

Fold fold_log(const std::string& path) {
  Fold fold;
  SlowLogParser parser;
  Fingerprinter fingerprinter;
  SlowQuery query;
  for_each_record(path, [&](std::string_view record) {
    parser.begin(record);
    while (const auto outcome = parser.next(query)) {
      if (*outcome != SlowLogParser::Outcome::query) continue;
      fold[std::string(fingerprinter.normalise(query.statement, query.line_end))].add(query.query_time_us,
                                                                                      query.rows_examined);
    }
  });
  return fold;
}

// ---- results of the job ----

/// The number behind `"name":` as text. A quote inside the fingerprint is escaped, so its text cannot be taken for a
/// name.
std::string_view number_after(std::string_view line, const std::string& name) {
  const std::string key = "\"" + name + "\":";
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + key.size();
  return line.substr(from, std::min(line.find_first_of(",}", from), line.size()) - from);
}

bool read_count(std::string_view text, std::uint64_t& count) {
  return !text.empty() &&
         std::from_chars(text.data(), text.data() + text.size(), count).ptr == text.data() + text.size();
}

/// Seconds with six decimals.
bool read_micros(std::string_view text, std::int64_t& micros) {
  std::uint64_t seconds = 0, fraction = 0;
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() - point != 7) return false;
  if (!read_count(text.substr(0, point), seconds) || !read_count(text.substr(point + 1), fraction)) return false;
  micros = static_cast<std::int64_t>(seconds * 1'000'000 + fraction);
  return true;
}

void take_result(std::string_view line, Fold& results) {
  std::string fingerprint;
  Totals totals;
  if (unwrap_string(line, "fingerprint", fingerprint) != nullptr ||
      !read_count(number_after(line, "count"), totals.count) ||
      !read_micros(number_after(line, "total_time"), totals.total_us) ||
      !read_micros(number_after(line, "max_time"), totals.max_us) ||
      !read_count(number_after(line, "rows_examined"), totals.rows_examined))
    fail("this is no line of a result: " + std::string(line));
  results[fingerprint] = totals;
}

/// Number behind the last dash: part-1-12 comes after part-1-3.
long part_number(const fs::path& path) {
  return std::atol(path.stem().string().substr(path.stem().string().rfind('-') + 1).c_str());
}

Fold read_results(const std::string& path) {
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().filename().string().starts_with("part-"))
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end(), [](const fs::path& one, const fs::path& other) {
      return std::pair(part_number(one), one) < std::pair(part_number(other), other);
    });
  } else {
    files.emplace_back(path);
  }
  Fold results;
  for (const fs::path& file : files) {
    const std::string text = read(file);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (end > at) take_result(std::string_view(text).substr(at, end - at), results);
      at = end + 1;
    }
  }
  return results;
}

// ---- verbs ----

void print(const std::string& fingerprint, const Totals& totals) {
  std::string escaped;
  for (const char c : fingerprint) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  std::printf(
      "{\"fingerprint\":\"%s\",\"count\":%llu,\"total_time\":%lld.%06lld,\"max_time\":%lld.%06lld,\"rows_examined\":%"
      "llu}\n",
      escaped.c_str(), static_cast<unsigned long long>(totals.count),
      static_cast<long long>(totals.total_us / 1'000'000), static_cast<long long>(totals.total_us % 1'000'000),
      static_cast<long long>(totals.max_us / 1'000'000), static_cast<long long>(totals.max_us % 1'000'000),
      static_cast<unsigned long long>(totals.rows_examined));
}

int compare(const std::string& log, const std::string& path) {
  const Fold expected = fold_log(log);
  const Fold results = read_results(path);
  int differences = 0;
  const auto differ = [&](const char* what, const std::string& fingerprint, const Totals* wanted, const Totals* got) {
    if (++differences > 5) return;
    std::printf("%s: %s\n", what, fingerprint.c_str());
    if (wanted != nullptr) std::printf("  expected "), print(fingerprint, *wanted);
    if (got != nullptr) std::printf("  result   "), print(fingerprint, *got);
  };
  for (const auto& [fingerprint, totals] : expected) {
    const auto found = results.find(fingerprint);
    if (found == results.end()) {
      differ("missing", fingerprint, &totals, nullptr);
    } else if (!(found->second == totals)) {
      differ("different", fingerprint, &totals, &found->second);
    }
  }
  for (const auto& [fingerprint, totals] : results) {
    if (!expected.contains(fingerprint)) differ("unexpected", fingerprint, nullptr, &totals);
  }
  std::uint64_t queries = 0;
  for (const auto& [fingerprint, totals] : expected) queries += totals.count;
  if (differences != 0) {
    std::printf("%d of %zu fingerprints differ\n", differences, expected.size());
    return 1;
  }
  std::printf("%llu queries, %zu fingerprints: equal\n", static_cast<unsigned long long>(queries), expected.size());
  return 0;
}

int joined(const std::string& log) {
  SlowLogParser parser;
  SlowQuery query;
  for_each_record(log, [&](std::string_view record) {
    parser.begin(record);
    if (parser.next(query) == SlowLogParser::Outcome::nothing) return;
    std::string line(record);
    std::erase(line, '\r');
    std::replace(line.begin(), line.end(), '\n', '|');
    std::printf("%s\n", line.c_str());
  });
  return 0;
}

int top(long count, const std::string& path) {
  const Fold results = read_results(path);
  std::vector<std::pair<std::string, Totals>> rows(results.begin(), results.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& one, const auto& other) { return one.second.total_us > other.second.total_us; });
  std::printf("%10s %12s %12s %14s  %s\n", "count", "total s", "max s", "rows examined", "fingerprint");
  for (std::size_t i = 0; i < rows.size() && i < static_cast<std::size_t>(count); ++i) {
    const Totals& totals = rows[i].second;
    std::printf("%10llu %12.6f %12.6f %14llu  %.100s\n", static_cast<unsigned long long>(totals.count),
                static_cast<double>(totals.total_us) / 1e6, static_cast<double>(totals.max_us) / 1e6,
                static_cast<unsigned long long>(totals.rows_examined), rows[i].first.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "--compare") return compare(words[1], words[2]);
  if (words.size() == 2 && words[0] == "--joined") return joined(words[1]);
  if (words.size() == 3 && words[0] == "--top") return top(std::atol(words[1].c_str()), words[2]);
  if (words.size() == 1 && !words[0].starts_with("-")) {
    for (const auto& [fingerprint, totals] : fold_log(words[0])) print(fingerprint, totals);
    return 0;
  }
  fail("usage: slow_query_log_fold [--compare LOG RESULTS | --joined LOG | --top N RESULTS | LOG]");
}

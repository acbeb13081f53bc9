// Logs made at random, in every form and of every server, whose statements hold text that looks like a log. What comes
// out is compared with what went in.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "examples/slow_query_log/log_boundary.h"
#include "tests/support/fake_operator_context.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/examples/slow_query_log/folded.h"
#include "weir/connectors/files.h"

using namespace slow_query_log;
using slow_query_log::test::fold;
using slow_query_log::test::Folded;

namespace {

/// What the records of a log come to.
struct Expected {
  int queries = 0;
  std::map<std::string, int> counts;
  std::int64_t total_us = 0;
  std::uint64_t rows_examined = 0;
};

class LogMaker {
 public:
  /// @param hostile  whether strings hold what looks like a log
  explicit LogMaker(std::uint32_t seed, bool hostile = true) : random_(seed), hostile_(hostile) {}

  std::uint32_t below(std::uint32_t count) { return static_cast<std::uint32_t>(random_() % count); }
  bool chance(std::uint32_t of_100) { return below(100) < of_100; }
  template <std::size_t N>
  std::string one_of(const char* const (&texts)[N]) {
    return texts[below(N)];
  }

  /// A record that a server could have written, as lines.
  std::string record(Expected& expected) {
    const std::uint32_t micros = below(5'000'000);
    const std::uint32_t rows = below(1000);
    std::string fingerprint;
    std::string statement = make_statement(fingerprint);
    ++expected.queries;
    ++expected.counts[fingerprint];
    expected.total_us += micros;
    expected.rows_examined += rows;
    return header(micros, rows) + prelude() + statement + ";\n";
  }

  /// A record whose last string is not closed. What it is grouped by is not looked at.
  std::string unclosed(Expected& expected) {
    const std::uint32_t micros = below(5'000'000);
    ++expected.queries;
    expected.total_us += micros;
    static constexpr const char* kOpen[] = {"select a from t where b = 'never closed", "select \"never closed",
                                            "insert into t values ('x', 'y", "select a /* never closed",
                                            "update t set a = 'C:\\' where b = 5"};
    return header(micros, 0) + prelude() + one_of(kOpen) + ";\n";
  }

 private:
  static std::string seconds(std::uint32_t micros) {
    std::string fraction = std::to_string(micros % 1'000'000);
    return std::to_string(micros / 1'000'000) + "." + std::string(6 - fraction.size(), '0') + fraction;
  }

  std::string header(std::uint32_t micros, std::uint32_t rows) {
    const std::string time = seconds(micros);
    const std::string examined = std::to_string(rows);
    std::vector<std::string> lines;
    const std::uint32_t server = below(6);
    static constexpr const char* kTimes[] = {
        "200611  7:30:01", "2022-07-08T09:10:00.123456Z", "2022-07-08T09:10:00.123456+02:00", "node-a 09:15:00", "",
        "not a time",      "2022-99-99T00:00:00Z"};
    if (chance(70)) lines.push_back("# Time: " + one_of(kTimes));
    static constexpr const char* kUsers[] = {
        "app[app] @ localhost []",           "app[app] @  [10.0.0.7]",  "[REPLICATION] @  []", "",
        "o'neil[o'neil] @ web-1 [10.0.0.7]", "a \"b\"[a \"b\"] @ h []", "a`b[a`b] @ h []"};
    const std::string id = "  Id: " + std::to_string(below(100));
    if (chance(85)) lines.push_back("# User@Host: " + one_of(kUsers) + (server < 3 ? id : ""));
    switch (server) {
      case 0:  // MySQL 5.6, 5.7
        lines.push_back("# Query_time: " + time + "  Lock_time: 0.000100 Rows_sent: 1  Rows_examined: " + examined);
        break;
      case 1:  // MySQL 8.0 with log_slow_extra
        lines.push_back("# Query_time: " + time + "  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: " + examined +
                        " Thread_id: 8 Errno: 0 Killed: 0 Bytes_received: 0 Bytes_sent: 57 Read_first: 1 Start: "
                        "2022-07-08T09:10:00.0Z End: 2022-07-08T09:10:01.0Z");
        break;
      case 2:  // Percona Server
        lines.push_back("# Schema: shop  Last_errno: 0  Killed: 0");
        lines.push_back("# Query_time: " + time + "  Lock_time: 0.0  Rows_sent: 1  Rows_examined: " + examined +
                        "  Rows_affected: 0  Bytes_sent: 5");
        if (chance(30)) lines.push_back("  Tmp_tables: 1  Tmp_disk_tables: 0  Tmp_table_sizes: 0");
        lines.push_back("# Full_scan: Yes  Full_join: No  Tmp_table: No");
        if (chance(50)) lines.push_back("#   InnoDB_IO_r_ops: 0  InnoDB_IO_r_bytes: 0");
        if (chance(30)) lines.push_back("# No InnoDB statistics available for this query");
        break;
      case 3:  // MariaDB 10
        lines.push_back("# Thread_id: 4  Schema:   QC_hit: No");
        lines.push_back("# Query_time: " + time + "  Lock_time: 0.0  Rows_sent: 1  Rows_examined: " + examined);
        lines.push_back("# Rows_affected: 0  Bytes_sent: 0");
        break;
      case 4:  // MariaDB 11 with explain
        lines.push_back("# Thread_id: 4  Schema: shop  QC_hit: No");
        lines.push_back("# Query_time: " + time + "  Lock_time: 0.0  Rows_sent: 1  Rows_examined: " + examined);
        lines.push_back("#");
        lines.push_back("# explain: id\tselect_type\ttable\tQuery_time: 77");
        lines.push_back("#");
        break;
      default:  // old ones, in whole seconds or not
        lines.push_back("# Query_time: " + time + "  Lock_time: 0  Rows_sent: 1  Rows_examined: " + examined);
    }
    // In another order, where the lines do not belong together.
    if (server != 4 && chance(15)) std::shuffle(lines.begin(), lines.end(), random_);
    // Never by a line that has lost its hash.
    while (lines.front().starts_with(" ")) std::rotate(lines.begin(), lines.begin() + 1, lines.end());
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

  std::string prelude() {
    std::string text;
    static constexpr const char* kNames[] = {"use shop;\n", "use `shop`;\n", "use `it's`;\n"};
    if (chance(30)) text += one_of(kNames);
    static constexpr const char* kSets[] = {"SET timestamp=1657271402;\n", "SET timestamp=1657271402.250000;\n",
                                            "SET last_insert_id=3,insert_id=4,timestamp=1657271402;\n"};
    if (chance(80)) text += one_of(kSets);
    return text;
  }

  /// Text for the inside of a string in `quote`.
  std::string hostile(char quote) {
    std::string text;
    static constexpr const char* kPlain[] = {"a",           "Paris",      "it%", "5",       "x y",
                                             "caf\xc3\xa9", "2022-07-08", "a|b", "one\ntwo"};
    if (!hostile_) return one_of(kPlain);
    for (std::uint32_t parts = 1 + below(4); parts > 0; --parts) {
      static constexpr const char* kParts[] = {
          "plain words",
          "\n",
          ";\n",
          "\n# Time: 1999-01-01T00:00:00Z\n",
          "\n# Time: 990101 00:00:00\n# User@Host: x[x] @ y []\n",
          ";\n# Query_time: 99.0  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 7777\nselect 1;\n",
          ";\n# Time: 1999-01-01T00:00:00Z\n# User@Host: x[x] @ y []  Id: 1\n# Query_time: 99.0  Lock_time: 0.0 "
          "Rows_sent: 1  Rows_examined: 7777\nSET timestamp=915148800;\nselect x from y where z = Qw;\n",
          "\n# User@Host: x[x] @ y []\n# Query_time: 99\nselect z /* c */ -- d\n;\n",
          "\nmysqld, Version: 8.0 (x). started with:\nTcp port: 1\n",
          "/*",
          "*/",
          "-- it",
          "# ",
          "|",
          "|# Time: 990101 00:00:00|# Query_time: 99.0  Lock_time: 0|select 1;|",
          "|# User@Host: x[x] @ y []|",
          "Q",
          "QQ",
          "E",
          "`",
          "\n  Tmp_tables: 1\n",
          "\r\n# Query_time: 5\r\nselect 1;\r\n"};
      text += one_of(kParts);
    }
    std::string escaped;
    for (const char c : text) {
      if (c == 'Q') {  // stands for the quote, doubled or with a backslash; a back quote can only be doubled
        escaped += chance(50) || quote == '`' ? std::string(2, quote) : std::string("\\") + quote;
      } else if (c == 'E') {  // an escape
        escaped += quote == '`' ? "" : chance(50) ? "\\\\" : "\\n";
      } else if (c == quote) {
        escaped += std::string(2, quote);
      } else {
        escaped += c;
      }
    }
    return escaped;
  }

  std::string quoted() {
    const char quote = chance(60) ? '\'' : '"';
    return quote + hostile(quote) + quote;
  }
  std::string comment() {
    std::string text = hostile('\'');
    // One comment ends at its first end, and holds no beginning of another one.
    for (std::size_t at = 0; (at = text.find("/*")) != std::string::npos;) text.replace(at, 2, "/ ");
    for (std::size_t at = 0; (at = text.find("*/")) != std::string::npos;) text.replace(at, 2, "* ");
    if (text.starts_with("!") || text.starts_with("M!") || text.starts_with("/")) text.insert(0, " ");
    if (text.ends_with("*")) text += " ";
    return "/*" + text + "*/";
  }

  std::string make_statement(std::string& fingerprint) {
    const std::string table = "t" + std::to_string(below(20));
    switch (below(9)) {
      case 0:
        fingerprint = "select a from " + table + " where b = ? and c = ?";
        return "select a from " + table + " where b = " + quoted() + " and c = " + quoted();
      case 1:
        fingerprint = "insert into " + table + " values (?)";
        return "insert into " + table + " values (" + quoted() + ", 5,\n" + quoted() + ")";
      case 2: fingerprint = "select a , b from " + table; return "select a " + comment() + ", b from " + table;
      case 3:
        fingerprint = "select c from " + table + " where id = ?";
        return "SELECT c FROM " + table + "\nWHERE id = 17";
      case 4:
        fingerprint = "update " + table + " set a = ?; update " + table + " set b = ?";
        return "update " + table + " set a = " + quoted() + "; update " + table + " set b = 2";
      case 5:
        fingerprint = "select a from " + table + " where b = ?";
        return "select a -- don't \"look\n from " + table + " # it's a comment\n where b = " + quoted();
      case 6: fingerprint = "administrator command: quit"; return "# administrator command: Quit";
      case 7:
        fingerprint = "select high_priority a from " + table + " where b = ?";
        return "select /*!40001 HIGH_PRIORITY */ a from " + table + " where b = " + quoted();
      default:
        fingerprint = "select x from " + table + " where y in (?)";
        return "select x from " + table + " where y in (" + quoted() + ", " + quoted() + ", 'plain', 'it''s', 'a\\'b')";
    }
  }

  std::mt19937 random_;
  bool hostile_;
};

std::string with_bars(std::string block) {
  std::erase(block, '\r');
  while (block.ends_with('\n')) block.pop_back();
  std::replace(block.begin(), block.end(), '\n', '|');
  return block;
}

std::string with_crlf(const std::string& text) {
  std::string crlf;
  for (const char c : text) {
    if (c == '\n' && !crlf.ends_with('\r')) crlf += '\r';
    crlf += c;
  }
  return crlf;
}

std::string as_json(const std::string& text) {
  std::string json = "{\"host\":\"db-1\",\"message\":\"";
  for (const char c : text) {
    switch (c) {
      case '"': json += "\\\""; break;
      case '\\': json += "\\\\"; break;
      case '\n': json += "\\n"; break;
      case '\r': json += "\\r"; break;
      default: json += c;
    }
  }
  return json + "\",\"n\":1}\n";
}

enum class Form { blocks, blocks_crlf, bars, json, json_bars };

/// A log of `count` records in one form.
std::string make_log(LogMaker& make, Form form, int count, int per_message, Expected& expected) {
  std::string log;
  for (int made = 0; made < count;) {
    std::string message;
    const int records = form == Form::blocks || form == Form::blocks_crlf
                            ? 1
                            : 1 + static_cast<int>(make.below(static_cast<std::uint32_t>(per_message)));
    for (int i = 0; i < records; ++i, ++made) message += make.record(expected);
    switch (form) {
      case Form::blocks: log += message; break;
      case Form::blocks_crlf: log += with_crlf(message); break;
      case Form::bars: log += with_bars(message) + "\n"; break;
      case Form::json: log += as_json(message); break;
      case Form::json_bars: log += as_json(with_bars(message)); break;
    }
  }
  return log;
}

void check(Folded& folded, const Expected& expected) {
  CHECK(folded.reasons == std::vector<std::string>{});
  CHECK(folded.queries == expected.queries);
  CHECK(folded.total_us == expected.total_us);
  CHECK(folded.rows_examined == expected.rows_examined);
  CHECK(folded.counts == expected.counts);
}

}  // namespace

TEST_CASE("hostile logs: every record of every form counts once, with its own time and group") {
  for (const Form form : {Form::blocks, Form::blocks_crlf, Form::bars, Form::json, Form::json_bars}) {
    for (std::uint32_t seed = 1; seed <= 150; ++seed) {
      CAPTURE(static_cast<int>(form));
      CAPTURE(seed);
      LogMaker make(seed * 7 + static_cast<std::uint32_t>(form));
      Expected expected;
      const std::string log = make_log(make, form, 40, 3, expected);
      static constexpr std::size_t kChunks[] = {1, 37, 4096, 1u << 20};
      Folded folded;
      fold(log, folded, kChunks[seed % 4 == 0 ? seed / 4 % 4 : 3]);
      check(folded, expected);
    }
  }
}

TEST_CASE("hostile logs: parallel readers of one file read every record once, wherever its splits lie") {
  weir::test::TemporaryDirectory directory;
  for (std::uint32_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    LogMaker make(seed);
    Expected expected;
    const std::string path = directory.write("slow.log", make_log(make, Form::blocks, 600, 1, expected));
    Folded folded;
    for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
      weir::connectors::FileSource<weir::Text> source(path, weir::connectors::raw_format());
      source.record_boundary([] { return std::make_unique<LogBoundary>(); }).split_bytes(20'000 + seed * 997);
      weir::test::FakeOperatorContext context(subtask, 3);
      weir::test::RowOutput<weir::Text> output([&](const weir::Text& record) { folded.take(record.view()); });
      const auto reader = source.make_reader();
      REQUIRE(reader->open(context).ok());
      for (;;) {
        const auto progress = reader->poll(output);
        REQUIRE(progress.ok());
        if (progress->kind == weir::Progress::Kind::finished) break;
      }
      reader->close();
    }
    check(folded, expected);
  }
}

TEST_CASE("hostile logs: a string that is never closed costs no other record of a plain log") {
  for (const Form form : {Form::blocks, Form::bars, Form::json}) {
    for (std::uint32_t seed = 1; seed <= 300; ++seed) {
      CAPTURE(static_cast<int>(form));
      CAPTURE(seed);
      LogMaker make(seed, false);
      Expected expected;
      std::string log;
      std::string message;
      for (int i = 0; i < 12; ++i) {
        std::string block = make.chance(25) ? make.unclosed(expected) : make.record(expected);
        if (form == Form::blocks) log += block;
        message += block;
      }
      if (form == Form::bars) log = with_bars(message) + "\n";
      if (form == Form::json) log = as_json(message);
      Folded folded;
      fold(log, folded);
      CHECK(folded.queries == expected.queries);
      CHECK(folded.total_us == expected.total_us);
    }
  }
}

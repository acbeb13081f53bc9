// Logs in the shape of what users reported: tests/fixtures/field_cases/README.md.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/examples/slow_query_log/folded.h"

using namespace slow_query_log;
using slow_query_log::test::fold;
using slow_query_log::test::Folded;

namespace {

std::string field_case(const std::string& name) {
  std::ifstream file(std::string(FIELD_CASES) + "/" + name, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string with_crlf(const std::string& text) {
  std::string crlf;
  for (const char c : text) {
    if (c == '\n') crlf += '\r';
    crlf += c;
  }
  return crlf;
}

}  // namespace

TEST_CASE("field cases: every log gives its records, each once") {
  struct Case {
    const char* name;
    int queries;
    std::size_t fingerprints;
    std::int64_t total_us;
    std::uint64_t rows;
  };
  static constexpr Case kCases[] = {{"time_with_host_name.log", 3, 1, 780'000, 15},
                                    {"time_and_user_empty.log", 3, 1, 11'000'000, 6},
                                    {"header_line_without_hash.log", 2, 1, 251'000, 181},
                                    {"two_records_in_one_message.jsonl", 2, 2, 9'500'000, 46},
                                    {"two_records_in_one_line.log", 2, 2, 9'500'000, 46},
                                    {"null_behind_then.log", 2, 1, 3'000'000, 0},
                                    {"tables_that_begin_with_digits.log", 2, 2, 2'000'000, 0},
                                    {"header_in_a_string.log", 3, 3, 6'000'000, 18}};
  for (const Case& one : kCases) {
    for (const bool crlf : {false, true}) {
      const std::string text = field_case(one.name);
      for (const std::size_t chunk : {std::size_t{1}, std::size_t{100}, std::size_t{1} << 20}) {
        Folded folded;
        fold(crlf ? with_crlf(text) : text, folded, chunk);
        CAPTURE(one.name);
        CAPTURE(crlf);
        CAPTURE(chunk);
        CHECK(folded.queries == one.queries);
        CHECK(folded.reasons.empty());
        CHECK(folded.counts.size() == one.fingerprints);
        CHECK(folded.total_us == one.total_us);
        CHECK(folded.rows_examined == one.rows);
      }
    }
  }
}

TEST_CASE("field cases: headers in any order, with parts missing, without hashes or blanks") {
  const std::string statement = "select a from t where b = 1;\n";
  const char* kHeaders[] = {
      "# Query_time: 1.0  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 2\n# User@Host: a[a] @ h []\n# Time: 200611  "
      "7:30:01\n",
      "# Thread_id: 4  Schema: x  QC_hit: No\n# Query_time: 1.0  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 2\n",
      "# Full_scan: Yes\n# Time: 2022-07-08T09:10:00Z\n# Query_time: 1.0  Rows_examined: 2\n# User@Host: a[a] @ h []\n",
      "# Rows_examined: 2  Rows_sent: 1\n# Lock_time: 0.1  Query_time: 1.0\n",
      "# Time:\n# User@Host:\n# Query_time: 1.0  Rows_examined: 2\n",
      "# Time: 2022-07-08T09:10:00Z # User@Host: a[a] @ h [] # Query_time: 1.0  Rows_examined: 2\n",
      "# User@Host: a # b[a # b] @ h []\n# Query_time: 1.0  Rows_examined: 2\n",
      "# User@Host: we|rd[we|rd] @ h []  Id: 4\n# Query_time: 1.0  Rows_examined: 2\n",
      "#Time: 200611  7:30:01\n#User@Host: a[a] @ h []\n#Query_time: 1.0  Rows_examined: 2\n",
      "# User@Host: a[a] @ h []\n  Thread_id: 9  Schema: x\n# Query_time: 1.0  Rows_examined: 2\n",
      "# Time: 200611  7:30:01\nUser@Host: a[a] @ h []  Id: 9\n# Query_time: 1.0  Rows_examined: 2\n",
      "# Query_time: 1.0  Rows_examined: 2\n# explain: id select_type Query_time: 9\n#\n",
      "# Time: not a time at all\n#\n# User@Host: \n\n# Query_time: 1.0  Rows_examined: 2\n",
      "#   Query_time: 1.0   Lock_time: 0   Rows_sent: 0   Rows_examined: 2\n#   InnoDB_trx_id: 5\n"};
  for (const char* one : kHeaders) {
    for (const char* other : kHeaders) {
      for (const char* between :
           {"", "use `x`;\n", "SET timestamp=1657271402;\n", "use x;\nSET timestamp=1657271402;\n"}) {
        std::string log = one + (between + statement);
        log += other + (between + statement);
        log += one + (between + statement);
        CAPTURE(log);
        for (const bool crlf : {false, true}) {
          Folded folded;
          fold(crlf ? with_crlf(log) : log, folded);
          CHECK(folded.reasons.empty());
          CHECK(folded.queries == 3);
          CHECK(folded.total_us == 3'000'000);
          CHECK(folded.rows_examined == 6);
          CHECK(folded.counts.size() == 1);
        }
      }
    }
  }
}

TEST_CASE("field cases: what cannot be counted is set aside, and its neighbours are counted") {
  const std::string good = "# User@Host: a[a] @ h []\n# Query_time: 1.0  Lock_time: 0  Rows_examined: 2\nselect a;\n";
  const char* kBad[] = {"# User@Host: a[a] @ h []\nselect b;\n",
                        "# Time: 2022-07-08T09:10:00Z\nselect b;\n",
                        "# Time: garbled\n# User@Host: \nselect b;\n",
                        "# User@Host: a[a] @ h []\n# Query_time: 1.0  Rows_examined: 2\n",
                        "# User@Host: a[a] @ h []\n# Query_time: soon  Rows_examined: 2\nselect b;\n",
                        "# User@Host: a[a] @ h []\n# Query_time: 1.0 # Query_time: 2.0\nselect b;\n",
                        "# User@Host: a[a] @ h []\n# Query_time: 1.0  Rows_examined: 2\nselect b; # Query_time: 3.0  "
                        "Rows_examined: 9 select c;\n"};
  for (const char* bad : kBad) {
    CAPTURE(bad);
    Folded folded;
    fold(good + bad + good, folded);
    CHECK(folded.queries == 2);
    CHECK(folded.reasons.size() == 1);
    CHECK(folded.total_us == 2'000'000);
    CHECK(folded.counts == std::map<std::string, int>{{"select a", 2}});
  }
}

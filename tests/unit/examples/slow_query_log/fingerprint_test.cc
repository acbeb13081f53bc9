#include "examples/slow_query_log/fingerprint.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using slow_query_log::Fingerprinter;
using slow_query_log::LineEnd;

namespace {

struct Case {
  const char* statement;
  const char* fingerprint;
};

// The specification: README.md of the example says the same in words.
const Case kCases[] = {
    // Blanks and letters.
    {"SELECT  1", "select ?"},
    {"  select\t\n c\r\n from  T ; ", "select c from t"},
    {"SELECT a|b, c || d FROM t", "select a b, c d from t"},
    {"select 1 where a=1 and b = 2", "select ? where a=? and b = ?"},
    {"SÉLECT Ünïcode 备注 FROM Ж", "sÉlect Ünïcode 备注 from Ж"},
    {"a\x01"
     "b\x7f"
     "c",
     "a b c"},
    {"", ""},
    {" ;;; ", ""},
    // After the last semicolon.
    {"SELECT 1 FROM dual; --k8s测试", "select ? from dual"},
    {"SELECT 1; SELECT 2", "select ?"},
    {"SELECT 1; SELECT 2; SELECT 3", "select ?; select ?"},
    {"BEGIN SELECT 1; SELECT 2; END;", "begin select ?; select ?; end"},
    {"SELECT ';' , `a;b` /* ; */ # ;\n FROM t; x", "select ? , `a;b` from t"},
    {"SELECT 1 FROM t WHERE a", "select ? from t where a"},
    // Strings.
    {"select 'a', b", "select ?, b"},
    {"select \"a\" from t", "select ? from t"},
    {"select 'it''s' from t", "select ? from t"},
    {"select 'it\\'s' from t", "select ? from t"},
    {"select 'a\\\\' from t", "select ? from t"},
    {"select \"say \"\"x\"\" \\\" 'y'\" from t", "select ? from t"},
    {"select '' from t", "select ? from t"},
    {"select 'open from t", "select ?"},
    {"select 'open\\", "select ?"},
    {"select N'a', x'1F', b'01', X\"1F\"", "select ?"},
    {"insert into t values (_binary 'a\\0b', _utf8mb4\"x\", 1)", "insert into t values (?)"},
    {"select _binary from t", "select _binary from t"},
    {"grant all on *.* to 'app'@'%'", "grant all on *.* to ?@?"},
    {"select '-- no comment', a from t", "select ?, a from t"},
    // Numbers.
    {"select 1.5, 1e10, 1.5E-3, 2e+4, 0x1F, 0b01, .5, 1. from t", "select ? from t"},
    {"select 0x1e-3", "select ?-?"},
    {"select 1e-x", "select 1e-x"},
    {"where a = -1 and b=+2.5 and c>-.5", "where a = ? and b=? and c>?"},
    {"where k=k+1 and m = n -1 and (a)-1 and `b`-1 and 2-1", "where k=k+? and m = n -? and (a)-? and `b`-? and ?-?"},
    {"select -1 from t where a between -1 and -2 or b in (-1, -2) limit -1",
     "select ? from t where a between ? and ? or b in (?) limit ?"},
    {"select a - -1", "select a - ?"},
    {"from sbtest1 s1 join t_2 on 3rd = 1", "from sbtest1 s1 join t_2 on 3rd = ?"},
    {"select t.a, 1.a, t1.5x", "select t.a, ?, t1.5x"},
    // Names that begin with a digit.
    {"select * from 2019_parts where id = 1", "select * from 2019_parts where id = ?"},
    {"select * from 24h_visits v, db.7days d", "select * from 24h_visits v, db.7days d"},
    {"select 1e5x, 0xG, 0b2, 0x, 12e from 1E from 2020", "select 1e5x, 0xg, 0b2, 0x, 12e from 1e from ?"},
    {"select 0x1F, 0b01, 1e5, 1E+5, 00, 1.5e3 from t", "select ? from t"},
    {"select 9_a.1, 2019_parts.id, 5\xc3\xa9 from t", "select 9_a.?, 2019_parts.id, 5\xc3\xa9 from t"},
    {"select @a1, @@global.x2, :p1, $1", "select @a1, @@global.x2, :p1, $1"},
    // Lists.
    {"where id in (1)", "where id in (?)"},
    {"where id in (1,2,3)", "where id in (?)"},
    {"where id in (1 , 'b',\n 3.0)", "where id in (?)"},
    {"where id in (?, ?, ?)", "where id in (?)"},
    {"limit 10, 20", "limit ?"},
    {"select 1, a, 2, 3", "select ?, a, ?"},
    {"where a in (1, x, 2)", "where a in (?, x, ?)"},
    {"where id in ( 1, 2 )", "where id in ( ? )"},
    {"insert into t values (1,2)", "insert into t values (?)"},
    {"insert into t values (1,2),(3,4), (5,6)", "insert into t values (?)"},
    {"insert into t (a) values (1, now()), (2, now()) on duplicate key update a=values(a)",
     "insert into t (a) values (?, now()) on duplicate key update a=values(a)"},
    {"values (1, f(x)), (1, f(y))", "values (?, f(x)), (?, f(y))"},
    {"where (a, b) in ((1,2),(3,4),(5,6))", "where (a, b) in ((?))"},
    {"select f(1,2), f(3)", "select f(?), f(?)"},
    {"select (a)(a), (a) , (a)", "select (a)(a)"},
    // NULL, TRUE and FALSE.
    {"values (1, NULL, 'x'), (2, 'y', 3)", "values (?)"},
    {"values (NULL), (1)", "values (?)"},
    {"set a = NULL, b=null, c = TRUE, d = 1", "set a = ?, b=?, c = ?, d = ?"},
    {"where a <=> NULL or b IS NULL or c is not null", "where a <=> ? or b is null or c is not null"},
    {"create table t (a int NOT NULL default null, nullable int)",
     "create table t (a int not null default null, nullable int)"},
    {"select null, nulls, truest", "select null, nulls, truest"},
    {"null", "null"},
    {"case when a then NULL when b then 1 else null end", "case when a then ? when b then ? else ? end"},
    {"case null when TRUE then 2 end", "case null when ? then ? end"},
    {"where a between NULL and null or true", "where a between ? and ? or ?"},
    {"on delete set null", "on delete set null"},
    // The direction that is the default.
    {"select a from t order by a ASC", "select a from t order by a"},
    {"select a from t order by a asc, `b` Asc,c desc limit 1", "select a from t order by a, `b`,c desc limit ?"},
    {"select a from t order by f(a) asc;", "select a from t order by f(a)"},
    {"select t.asc, asc.a, ascii(a), `asc` from t", "select t.asc, asc.a, ascii(a), `asc` from t"},
    // Comments.
    {"select /* k8s测试 */ 1 from dual", "select ? from dual"},
    {"select/**/1", "select ?"},
    {"/* a */ select a /* unfinished", "select a"},
    {"select a -- comment 'x\n from t", "select a from t"},
    {"select a --\n from t --", "select a from t"},
    {"select a --1 from t", "select a -? from t"},
    {"select a # it's 1\n from t", "select a from t"},
    {"select a -- x | y\n from t", "select a from t"},
    {"select /*+ NO_INDEX(t) */ a from t", "select a from t"},
    {"SELECT /*!40001 SQL_NO_CACHE */ * FROM t", "select sql_no_cache * from t"},
    {"/*!40000 ALTER TABLE `t` DISABLE KEYS */;", "alter table `t` disable keys"},
    {"select /*M!100100 a */ b", "select a b"},
    {"select a */ b / c", "select a */ b / c"},
    {"-- only a comment", ""},
    // Identifiers in backquotes.
    {"select `A b` , `x``y` from `Db`.`T1`", "select `a b` , `x``y` from `db`.`t1`"},
    {"select `2fa|x` from t", "select `2fa|x` from t"},
    {"select `open 1", "select `open 1"},
    // Bytes that are not UTF-8.
    {"select caf\xe9 from t", "select caf\xEF\xBF\xBD from t"},
    {"select '\xff\xfe' from `\xc3\x28`", "select ? from `\xEF\xBF\xBD(`"},
    {"a\xed\xa0\x80z\xf5\xc0\x80", "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"select \xe6\xb5", "select \xEF\xBF\xBD\xEF\xBF\xBD"},
    // Administrator commands, as the parser hands them over.
    {"administrator command: Quit;", "administrator command: quit"},
};

const Case kJoinedCases[] = {
    {"SELECT a|  FROM t|WHERE b = 1;", "select a from t where b = ?"},
    {"select a -- comment; 'x|from t;", "select a from t"},
    {"select a # comment|from t;", "select a from t"},
    {"select 'x|y', `a|b` from t;", "select ?, `a|b` from t"},
    {"select /* a|b */ c from t;", "select c from t"},
    {"values (1,|2),|(3,4);", "values (?)"},
    {"select a --|from t;", "select a from t"},
    {"SELECT 1 FROM dual; --k8s测试|more", "select ? from dual"},
};

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || i + size > text.size()) return false;
    for (size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += size;
  }
  return true;
}

}  // namespace

TEST_CASE("fingerprint: each statement of the table has its fingerprint") {
  Fingerprinter fingerprinter;
  for (const Case& one : kCases) {
    INFO(std::string(one.statement), " should be ", std::string(one.fingerprint));
    CHECK(fingerprinter.normalise(one.statement, LineEnd::newline) == one.fingerprint);
  }
}

TEST_CASE("fingerprint: in a joined record a line ends at a bar outside quotes") {
  Fingerprinter fingerprinter;
  for (const Case& one : kJoinedCases) {
    INFO(std::string(one.statement), " should be ", std::string(one.fingerprint));
    CHECK(fingerprinter.normalise(one.statement, LineEnd::newline_or_bar) == one.fingerprint);
  }
}

TEST_CASE("fingerprint: a fingerprint is its own fingerprint") {
  Fingerprinter first;
  Fingerprinter second;
  for (const Case& one : kCases) {
    const std::string fingerprint(first.normalise(one.statement, LineEnd::newline));
    if (fingerprint.find("; ") != std::string::npos) continue;  // its last statement has no semicolon any more
    if (fingerprint.find("```") != std::string::npos || fingerprint.find("open") != std::string::npos) continue;
    CAPTURE(fingerprint);
    CHECK(second.normalise(fingerprint, LineEnd::newline) == fingerprint);
  }
}

TEST_CASE("fingerprint: a statement of a million rows has the fingerprint of one row") {
  std::string statement = "insert into t (a, b) values (1, 'x')";
  for (int i = 0; i < 1'000'000; ++i) statement += ",(2,null)";
  Fingerprinter fingerprinter;
  CHECK(fingerprinter.normalise(statement + ";", LineEnd::newline) == "insert into t (a, b) values (?)");
}

TEST_CASE("fingerprint: what does not collapse is cut at the limit, on a whole character") {
  Fingerprinter fingerprinter;
  std::string words;
  for (int i = 0; i < 100'000; ++i) words += "c" + std::to_string(i) + ", ";
  CHECK(fingerprinter.normalise(words, LineEnd::newline).size() <= Fingerprinter::kBytesMax);
  for (const char* piece : {"备", "\xff", "é", "a"}) {
    for (const char* quote : {"", "`"}) {
      std::string word = std::string("x") + quote;
      while (word.size() < 40'000) word += piece;
      const auto fingerprint = fingerprinter.normalise(word, LineEnd::newline);
      CHECK(fingerprint.size() <= Fingerprinter::kBytesMax);
      CHECK(fingerprint.size() > Fingerprinter::kBytesMax - 4);
      CHECK(is_utf8(fingerprint));
    }
  }
}

TEST_CASE("fingerprint: parentheses nested a thousand deep are copied") {
  const std::string statement = std::string(1000, '(') + "1,2" + std::string(1000, ')');
  Fingerprinter fingerprinter;
  CHECK(fingerprinter.normalise(statement, LineEnd::newline) == std::string(1000, '(') + "?" + std::string(1000, ')'));
}

TEST_CASE("fingerprint: any bytes give valid UTF-8 within the limit") {
  Fingerprinter fingerprinter;
  const std::string pieces[] = {"'",  "\"", "`", "\\", "/*",   "*/",   "/*!", "--",     "#",    "|",
                                "\n", "(",  ")", ",",  "1",    "-",    ".",   "e",      "null", "(1,2)",
                                "_x", ";",  " ", "备", "\xff", "\xe6", "?",   "select", "=",    "x'"};
  for (uint32_t seed = 1; seed <= 3000; ++seed) {
    std::mt19937 random(seed);
    std::string statement;
    for (uint32_t count = random() % 60; count > 0; --count) {
      statement +=
          random() % 8 == 0 ? std::string(1, static_cast<char>(random())) : pieces[random() % std::size(pieces)];
    }
    CAPTURE(seed);
    // A copy of exactly this size, so that a sanitizer sees a read beyond its end.
    const std::vector<char> exact(statement.begin(), statement.end());
    const std::string_view view(exact.data(), exact.size());
    const auto fingerprint = fingerprinter.normalise(view, random() % 2 ? LineEnd::newline : LineEnd::newline_or_bar);
    REQUIRE(is_utf8(fingerprint));
    REQUIRE(fingerprint.size() <= Fingerprinter::kBytesMax);
  }
}

#include "examples/slow_query_log/record_splitter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/examples/slow_query_log/samples.h"

using namespace slow_query_log;

namespace {

struct Piece {
  std::string text;
  uint64_t offset = 0;
  bool too_long = false;
  bool operator==(const Piece&) const = default;
};

std::vector<Piece> split(std::string_view stream, RecordSplitter::Options options, size_t chunk_bytes) {
  RecordSplitter splitter(options);
  std::vector<Piece> pieces;
  for (size_t at = 0; at <= stream.size(); at += chunk_bytes) {
    splitter.feed(stream.substr(at, chunk_bytes));
    if (at + chunk_bytes >= stream.size()) splitter.finish();
    while (auto record = splitter.next())
      pieces.push_back({std::string(record->text), record->offset, record->too_long});
    if (at + chunk_bytes >= stream.size()) break;
  }
  return pieces;
}

std::vector<std::string> texts(std::string_view stream, FileForm form = FileForm::blocks) {
  std::vector<std::string> texts;
  for (Piece& piece : split(stream, {.form = form}, 64)) texts.push_back(std::move(piece.text));
  return texts;
}

const std::string kUser = "# User@Host: app[app] @ web-1 [10.0.0.7]  Id: 7\n";
const std::string kTime = "# Time: 2022-04-13T04:00:00.000000Z\n";
const std::string kFigures = "# Query_time: 0.1  Lock_time: 0 Rows_sent: 3  Rows_examined: 30\n";

}  // namespace

TEST_CASE("record_splitter: a time belongs to the record after it") {
  CHECK(texts(kUser + kFigures + "select 1;\n" + kTime + kUser + kFigures + "select 2;\n" + kUser + "select 3;\n") ==
        std::vector<std::string>{kUser + kFigures + "select 1;", kTime + kUser + kFigures + "select 2;",
                                 kUser + "select 3;"});
}

TEST_CASE("record_splitter: a banner is a record of its own, wherever it stands") {
  const std::string banner =
      "/usr/sbin/mysqld, Version: 8.0.36 (x). started with:\nTcp port: 1  Unix socket: s\nTime   Id Command    "
      "Argument\n";
  const auto pieces = texts(banner + kTime + kUser + "select 1;\n" + banner + kUser + "select 2;\n");
  REQUIRE(pieces.size() == 4);
  CHECK(pieces[1] == kTime + kUser + "select 1;");
  CHECK(pieces[2].starts_with("/usr/sbin/mysqld"));
  CHECK(pieces[3] == kUser + "select 2;");
}

TEST_CASE("record_splitter: a line inside a string that only looks like a header does not cut") {
  const std::string record =
      kUser + kFigures +
      "select 'line one\n# Time: looks like a header\n# User@Host: me\n# Query_time: long\nlast' as x;";
  CHECK(texts(record + "\n" + kUser + "select 2;") == std::vector<std::string>{record, kUser + "select 2;"});
}

TEST_CASE("record_splitter: a record without its user begins at its figures") {
  CHECK(
      texts(kUser + kFigures + "select 1;\n" + kFigures + "select 2;\n" + kTime + kFigures + "select 3;\n") ==
      std::vector<std::string>{kUser + kFigures + "select 1;", kFigures + "select 2;", kTime + kFigures + "select 3;"});
}

TEST_CASE("record_splitter: text before the first header is a record, blank text is none") {
  CHECK(texts("1, 2);\n" + kUser + "select 1;") == std::vector<std::string>{"1, 2);", kUser + "select 1;"});
  CHECK(texts("\n \r\n" + kUser + "select 1;\r\n\r\n") == std::vector<std::string>{kUser + "select 1;"});
  CHECK(texts("").empty());
  CHECK(texts("\n").empty());
}

TEST_CASE("record_splitter: in lines every line is a record") {
  CHECK(texts("{\"a\":1}\n\n# Time|b\r\nc", FileForm::lines) == std::vector<std::string>{"{\"a\":1}", "# Time|b", "c"});
}

TEST_CASE("record_splitter: the form of a file shows in its first line that is not a banner's") {
  CHECK(form_of("") == FileForm::blocks);
  CHECK(form_of(kTime + kUser) == FileForm::blocks);
  CHECK(form_of("\xEF\xBB\xBF{\"message\":1}\n") == FileForm::lines);
  CHECK(form_of("mysqld, Version: 1 started with:\nTcp port: 1\n\n# Time: 1|# User@Host: a\n") == FileForm::lines);
  CHECK(form_of("mysqld, Version: 1 started with:\nTcp port: 1\n# Time: 1\n# User@Host: a|# b") == FileForm::blocks);
}

TEST_CASE("record_splitter: chunks of any size give the same records") {
  for (const char* name :
       {"mysql-5.7-slow.log", "mysql-8.0-slow.log", "malformed.log", "joined.log", "filebeat.jsonl"}) {
    const std::string file = sample(name);
    const RecordSplitter::Options options{.form = form_of(file)};
    const auto whole = split(file, options, file.size());
    CHECK(whole.size() >= 2);
    for (const size_t chunk : {1, 2, 7, 100, 4096}) {
      CAPTURE(name);
      CAPTURE(chunk);
      CHECK(split(file, options, chunk) == whole);
    }
  }
}

TEST_CASE("record_splitter: a record over the limit is answered once, cut, and the next one is whole") {
  const std::string longer = kUser + kFigures + "insert into t values ('" + std::string(3'000'000, 'x') + "');\n";
  const std::string stream = kUser + "select 1;\n" + longer + kTime + kUser + "select 2;\n";
  for (const size_t chunk : {size_t{5000}, size_t{65536}, stream.size()}) {
    const auto pieces = split(stream, {.record_bytes_max = 1'000'000}, chunk);
    CAPTURE(chunk);
    REQUIRE(pieces.size() == 3);
    CHECK(pieces[1].too_long);
    CHECK(pieces[1].text == longer.substr(0, 1'000'000));
    CHECK(pieces[2] == Piece{kTime + kUser + "select 2;", stream.size() - kTime.size() - kUser.size() - 10, false});
  }
}

TEST_CASE("record_splitter: many lines over the limit are dropped up to the next header") {
  std::string stream = kUser + "insert into t values\n";
  for (int i = 0; i < 5000; ++i) stream += "(" + std::to_string(i) + "),\n";
  stream += kUser + "select 2;\n";
  for (const size_t chunk : {size_t{1}, size_t{13}, size_t{1000}}) {
    const auto pieces = split(stream, {.record_bytes_max = 1000}, chunk);
    CAPTURE(chunk);
    REQUIRE(pieces.size() == 2);
    CHECK(pieces[0].too_long);
    CHECK(pieces[1].text == kUser + "select 2;");
  }
}

TEST_CASE("record_finder: a search from anywhere comes to where a search from the beginning does") {
  const std::string file = sample("mysql-5.7-slow.log") + sample("malformed.log") + sample("mysql-8.0-slow.log");
  RecordFinder finder(FileForm::blocks, LineEnd::newline);
  std::vector<size_t> starts;
  for (size_t at = 0; at != RecordFinder::npos; at = finder.find(file, at, RecordFinder::From::record, true).start)
    starts.push_back(at);
  CHECK(starts.size() > 15);
  for (size_t from = 0; from < file.size(); ++from) {
    CAPTURE(from);
    size_t at = finder.find(file, from, RecordFinder::From::middle, true).start;
    // The first place may be the second line of a header.
    if (at != RecordFinder::npos) at = finder.find(file, at, RecordFinder::From::record, true).start;
    REQUIRE((at == RecordFinder::npos || std::binary_search(starts.begin(), starts.end(), at)));
    const auto passed = std::upper_bound(starts.begin(), starts.end(), from);
    if (starts.end() - passed > 2) REQUIRE(at <= passed[2]);
  }
}

TEST_CASE("record_splitter: any bytes in any chunks come back once, in order") {
  const std::string pieces[] = {kUser, kTime, kFigures, "select 1;\n", "mysqld, Version: 1. started with:\n",
                                "\n",  "#",   " ",      "|",           "{\"message\":\"",
                                "x"};
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    std::mt19937 random(seed);
    std::string stream;
    for (uint32_t count = random() % 40; count > 0; --count) {
      stream += random() % 8 == 0 ? std::string(1, static_cast<char>(random())) : pieces[random() % std::size(pieces)];
    }
    CAPTURE(seed);
    const FileForm form = random() % 4 ? FileForm::blocks : FileForm::lines;
    const auto whole = split(stream, {.form = form}, stream.size() + 1);
    CHECK(split(stream, {.form = form}, 1 + random() % 50) == whole);
    uint64_t end = 0;
    for (const Piece& piece : whole) {
      REQUIRE(piece.offset >= end);
      REQUIRE(stream.substr(piece.offset, piece.text.size()) == piece.text);
      end = piece.offset + piece.text.size();
    }
  }
}

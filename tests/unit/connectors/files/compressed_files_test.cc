// Files that are compressed, whole and damaged.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "tests/support/seed.h"
#include "tests/unit/connectors/files/compress.h"
#include "tests/unit/connectors/read_all.h"
#include "weir/connectors/files.h"

using namespace weir;
using namespace weir::connectors;
using weir::test::gzip;
using weir::test::joined;
using weir::test::lines;
using weir::test::read_all;
using weir::test::TemporaryDirectory;
using weir::test::zstd;
using weir::test::operator/;

namespace {

FileSource<std::string> text_source(const std::string& path) { return {path, raw_format()}; }

std::vector<std::string> repeated(const std::vector<std::string>& once, int times) {
  std::vector<std::string> all;
  for (int i = 0; i < times; ++i) all.insert(all.end(), once.begin(), once.end());
  return all;
}

}  // namespace

TEST_CASE("compressed files: one or many members or frames give the lines of what they hold") {
  TemporaryDirectory directory;
  const auto expected = lines(20'000);
  const std::string text = joined(expected);
  for (const auto& [name, compressed] : {std::pair<std::string, std::string>{".gz", gzip(text)},
                                         {".gzip", gzip(text)},
                                         {".zst", zstd(text)},
                                         {".zstd", zstd(text)}}) {
    CAPTURE(name);
    CHECK(read_all(text_source(directory.write("one" + name, compressed))).records == expected);
    CHECK(read_all(text_source(directory.write("three" + name, compressed + compressed + compressed))).records ==
          repeated(expected, 3));
  }
  // A line may begin in one member and end in the next.
  CHECK(read_all(
            text_source(directory.write("a.gz", gzip("on") + gzip("") + gzip("e\r\ntwo\n") + std::string(1024, '\0'))))
            .records == std::vector<std::string>{"one", "two"});
  CHECK(read_all(text_source(directory.write("a.zst", zstd("on") + zstd("") + zstd("e\r\ntwo")))).records ==
        std::vector<std::string>{"one", "two"});
}

TEST_CASE("compressed files: the programs that people use write what is read") {
  TemporaryDirectory directory;
  const auto expected = lines(3000);
  const std::string plain = directory.write("a.log", joined(expected));
  REQUIRE(std::system(("gzip -k " + plain).c_str()) == 0);
  CHECK(read_all(text_source(plain + ".gz")).records == expected);
}

TEST_CASE("compressed files: nothing at all and nothing compressed are no records and no error") {
  TemporaryDirectory directory;
  for (const auto& [name, bytes] :
       {std::pair<std::string, std::string>{"a.gz", ""}, {"a.zst", ""}, {"b.gz", gzip("")}, {"b.zst", zstd("")}}) {
    CAPTURE(name);
    const auto reading = read_all(text_source(directory.write(name, bytes)));
    CHECK(reading.error == "");
    CHECK(reading.records.empty());
  }
}

TEST_CASE("compressed files: one is never cut into splits, whatever its size, and is read by one subtask") {
  TemporaryDirectory directory;
  const auto expected = lines(5000);
  directory.write("a.gz", gzip(joined(expected)));
  std::vector<std::string> records;
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    const auto part = read_all(text_source(directory.string()).split_bytes(10), subtask, 3).records;
    CHECK((part.empty() || records.empty()));
    records.insert(records.end(), part.begin(), part.end());
  }
  CHECK(records == expected);
}

TEST_CASE("compressed files: a reader that is restored goes on inside") {
  TemporaryDirectory directory;
  const auto expected = lines(20'000);
  for (const std::string& path : {directory.write("a.gz", gzip(joined(expected))).string(),
                                  directory.write("a.zst", zstd(joined(expected))).string()}) {
    for (int polls = 0; polls < 12; ++polls) {
      std::string state;
      auto records = read_all(text_source(path), 0, 1, &state, polls).records;
      for (auto& record : read_all(text_source(path), 0, 1, &state).records) records.push_back(record);
      CAPTURE(path);
      CAPTURE(polls);
      CHECK(records == expected);
    }
  }
}

TEST_CASE("compressed files: csv with a header, compressed") {
  struct Pair {
    std::int32_t a = 0;
    std::string b;
  };
  TemporaryDirectory directory;
  std::string text = "b,a\n";
  for (int i = 0; i < 30'000; ++i) text += "\"x\ny\"," + std::to_string(i) + "\n";
  const auto reading =
      read_all(FileSource<Pair>(directory.write("a.csv.gz", gzip(text)), csv_format({.header = true})));
  CHECK(reading.error == "");
  REQUIRE(reading.records.size() == 30'000);
  CHECK(reading.records[29'999].a == 29'999);
  CHECK(reading.records[29'999].b == "x\ny");
  CHECK(read_all(FileSource<Pair>(directory.write("b.csv.gz", gzip("b,a").substr(0, 12)), csv_format({.header = true})))
            .error.find("ends in the middle of its compressed data") != std::string::npos);
}

TEST_CASE("compressed files: one that is cut off gives what is whole, then is a bad record") {
  TemporaryDirectory directory;
  const auto expected = lines(20'000);
  const std::string text = joined(expected);
  for (const auto& [name, compressed] :
       {std::pair<std::string, std::string>{"a.gz", gzip(text)}, {"a.zst", zstd(text)}}) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{5}, compressed.size() / 2, compressed.size() - 9, compressed.size() - 1}) {
      const std::string path = directory.write(name, compressed.substr(0, size));
      CAPTURE(path);
      CAPTURE(size);
      const auto failed = read_all(text_source(path));
      CHECK(failed.error.find("bad record at " + path + ":") == 0);
      CHECK(failed.error.find(": the file ends in the middle of its compressed data, after " + std::to_string(size) +
                              " bytes: it was cut off, or is still being written (") != std::string::npos);
      const auto aside = read_all(text_source(path).on_bad_record(OnBadRecord::dead_letter));
      CHECK(aside.error == "");
      CHECK(aside.bad_count == 1);
      REQUIRE(aside.bad.size() == 1);
      REQUIRE(aside.records.size() <= expected.size());
      CHECK(std::equal(aside.records.begin(), aside.records.end(), expected.begin()));
      // What was read, and the rest of a line that the dead letter keeps, are the front of the text.
      const std::string front = joined(aside.records) + aside.bad[0].bytes;
      CHECK(text.compare(0, front.size(), front) == 0);
    }
  }
}

TEST_CASE("compressed files: what follows the compressed data is a bad record of its own") {
  TemporaryDirectory directory;
  const auto expected = lines(100);
  for (const auto& [name, compressed] :
       {std::pair<std::string, std::string>{"a.gz", gzip(joined(expected))}, {"a.zst", zstd(joined(expected))}}) {
    const auto reading = read_all(text_source(directory.write(name, compressed + "garbage that is not compressed"))
                                      .on_bad_record(OnBadRecord::dead_letter));
    CAPTURE(name);
    CHECK(reading.records == expected);
    REQUIRE(reading.bad.size() == 1);
    CHECK(reading.bad[0].bytes == "");
  }
}

TEST_CASE("compressed files: a checksum that is wrong, and bytes that were changed, are named") {
  TemporaryDirectory directory;
  const auto expected = lines(20'000);
  std::string wrong_crc = gzip(joined(expected));
  wrong_crc[wrong_crc.size() - 8] = static_cast<char>(wrong_crc[wrong_crc.size() - 8] ^ 1);
  const auto crc = read_all(text_source(directory.write("crc.gz", wrong_crc)).on_bad_record(OnBadRecord::dead_letter));
  // The last line has its end, so it is whole; the damage is a bad record without bytes.
  CHECK(crc.records == expected);
  REQUIRE(crc.bad.size() == 1);
  CHECK(crc.bad[0].bytes == "");
  CHECK(crc.bad[0].reason == "the file is damaged before byte " + std::to_string(wrong_crc.size() - 4) +
                                 " of its gzip data: incorrect data check");

  std::string wrong_frame = zstd(joined(expected));
  wrong_frame.back() = static_cast<char>(wrong_frame.back() ^ 1);
  CHECK(read_all(text_source(directory.write("crc.zst", wrong_frame)))
            .error.find("of its zstd data: Restored data doesn't match checksum") != std::string::npos);

  CHECK(read_all(text_source(directory.write("plain.gz", "no gzip at all\n")))
            .error.find("the file is no gzip file, in spite of its name") != std::string::npos);
  CHECK(read_all(text_source(directory.write("plain.zst", "no zstd at all\n")))
            .error.find("the file is no zstd file, in spite of its name") != std::string::npos);
  CHECK(read_all(text_source(directory.write("tail.gz", gzip("a\n") + "rubbish")))
            .error.find("the file goes on at byte 22 with something that is not gzip") != std::string::npos);
  CHECK(read_all(text_source(directory.write("a.bz2", "BZh"))).error ==
        (directory / "a.bz2") + " is compressed in a form that is not read: .bz2; give it as .gz, .zst or plain");
}

TEST_CASE("compressed files: a damaged one does not disturb its neighbours when bad records are skipped") {
  TemporaryDirectory directory;
  directory.write("a.gz", gzip("a\n"));
  directory.write("b.gz", gzip("b\nbb\n").substr(0, 20));
  directory.write("c.zst", zstd("c\n"));
  directory.write("d", "d");
  const auto reading = read_all(text_source(directory.string()).on_bad_record(OnBadRecord::skip));
  CHECK(reading.error == "");
  CHECK(reading.bad_count == 1);
  CHECK(reading.records.front() == "a");
  CHECK(std::vector<std::string>(reading.records.end() - 2, reading.records.end()) ==
        std::vector<std::string>{"c", "d"});
}

TEST_CASE("compressed files: any bytes changed give lines, a reason, and an end") {
  const std::uint64_t seed = weir::test::seed();
  std::mt19937_64 random(seed);
  TemporaryDirectory directory;
  const std::string text = joined(lines(2000));
  for (int round = 0; round < 200; ++round) {
    const bool gz = round % 2 == 0;
    std::string bytes = gz ? gzip(text) : zstd(text);
    for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    const auto reading = read_all(text_source(directory.write(gz ? "a.gz" : "a.zst", bytes))
                                      .record_bytes_max(1000)
                                      .on_bad_record(OnBadRecord::dead_letter));
    CAPTURE(seed);
    CAPTURE(round);
    CHECK(reading.error == "");
  }
}

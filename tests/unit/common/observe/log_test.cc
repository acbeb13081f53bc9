#include "common/observe/log.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

namespace wlog = weir::log;  // ::log is the logarithm
using weir::test::TemporaryDirectory;
using wlog::Level;

namespace {

/// Collects what the process logs while it lives.
class Captured {
 public:
  explicit Captured(Level level = Level::trace) {
    wlog::start(level, [this](Level at, std::string_view text) {
      std::lock_guard lock(mutex);
      lines.push_back(std::string(wlog::name_of(at)) + " " + std::string(text));
    });
  }
  ~Captured() { wlog::stop(); }
  std::mutex mutex;
  std::vector<std::string> lines;
};

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// A line with every digit as '#': its shape.
std::string shape(std::string line) {
  for (char& letter : line) {
    if (is_digit(letter)) letter = '#';
  }
  return line;
}

}  // namespace

TEST_CASE("log: a line in a file has time, padded level, place and message") {
  TemporaryDirectory directory;
  std::string file = directory.path() / "weir.log";
  REQUIRE(wlog::start({.program = "test", .level = Level::info, .file = file, .also_stdout = false}).ok());
  LOG_INFO("registered {} slots", 4);
  LOG_ERROR("lost");
  LOG_DEBUG("not written");
  wlog::write(Level::warn, "[job 7f3a] forwarded");
  wlog::stop();
  std::string text = shape(weir::test::read_text(file));
  CHECK(text ==
        "####-##-## ##:##:##,### INFO  tests/unit/common/observe/log_test.cc:## - registered # slots\n"
        "####-##-## ##:##:##,### ERROR tests/unit/common/observe/log_test.cc:## - lost\n"
        "####-##-## ##:##:##,### WARN  [job #f#a] forwarded\n");
}

TEST_CASE("log: a file is rotated before it exceeds its size and only so many are kept") {
  TemporaryDirectory directory;
  std::string file = directory.path() / "weir.log";
  REQUIRE(wlog::start({.program = "test", .file = file, .also_stdout = false, .file_bytes_max = 2000, .files_kept = 2})
              .ok());
  for (int i = 0; i < 200; ++i) wlog::write(Level::info, std::string(100, 'x'));
  wlog::stop();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    CHECK(entry.file_size() <= 2000);
    ++files;
  }
  CHECK(files == 3);
}

TEST_CASE("log: a file that cannot be opened is an error that names it") {
  auto started = wlog::start({.program = "test", .file = "/proc/no/such/weir.log", .also_stdout = false});
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().code == weir::ErrorCode::io);
  CHECK(started.error().message.find("/proc/no/such") != std::string::npos);
}

TEST_CASE("log: a sink receives place and message, escaped, and nothing below its level") {
  Captured captured(Level::info);
  LOG_INFO("two\nlines of {}", "a\x1b[31m");
  LOG_DEBUG("dropped");
  REQUIRE(captured.lines.size() == 1);
  CHECK(shape(captured.lines[0]) == "INFO tests/unit/common/observe/log_test.cc:## - two\\nlines of a\\x#b[##m");
}

TEST_CASE("log: arguments of a line below the level are not evaluated") {
  Captured captured(Level::error);
  int evaluated = 0;
  auto count = [&] { return ++evaluated; };
  LOG_INFO("{}", count());
  CHECK(evaluated == 0);
  wlog::set_level(Level::info);
  LOG_INFO("{}", count());
  CHECK(evaluated == 1);
}

TEST_CASE("log: a width that is wrong at run time does not throw out of the log") {
  Captured captured;
  LOG_INFO("{:{}}", 1, -5);
  REQUIRE(captured.lines.size() == 1);
  CHECK(captured.lines[0].find("cannot be formatted") != std::string::npos);
}

TEST_CASE("log: off drops everything") {
  Captured captured(Level::off);
  LOG_ERROR("nothing");
  wlog::write(Level::off, "nothing");
  CHECK(captured.lines.empty());
}

TEST_CASE("log: lines of many threads stay whole") {
  TemporaryDirectory directory;
  std::string file = directory.path() / "weir.log";
  REQUIRE(wlog::start({.program = "test", .file = file, .also_stdout = false}).ok());
  {
    std::vector<std::jthread> threads;
    for (int id = 0; id < 4; ++id) {
      threads.emplace_back([id] {
        for (int i = 0; i < 100; ++i) wlog::write(Level::info, std::string(50, static_cast<char>('a' + id)));
      });
    }
  }
  wlog::stop();
  std::ifstream lines(file);
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    std::string tail = line.substr(line.size() - 50);
    CHECK(tail == std::string(50, tail[0]));
    ++count;
  }
  CHECK(count == 400);
}

TEST_CASE("log: level names are read in any case and unknown ones refused") {
  CHECK(wlog::parse_level("info") == Level::info);
  CHECK(wlog::parse_level("Warning") == Level::warn);
  CHECK(wlog::parse_level("FATAL") == Level::error);
  CHECK(wlog::parse_level("off") == Level::off);
  CHECK_FALSE(wlog::parse_level("").has_value());
  CHECK_FALSE(wlog::parse_level("loud").has_value());
}

TEST_CASE("log: escape writes control characters and broken UTF-8 visibly and keeps the rest") {
  struct Case {
    std::string text, expected;
  };
  const Case cases[] = {
      {"", ""},
      {"plain \\n text", "plain \\n text"},
      {"a\tb\r\n", "a\\tb\\r\\n"},
      {std::string("\0", 1), "\\x00"},
      {"\x7f", "\\x7f"},
      {"测试 ü 🙂", "测试 ü 🙂"},
      {"\xc2\x9b"
       "31m",
       "\\xc2\\x9b31m"},  // C1 control sequence introducer
      {"\xff\xfe", "\\xff\\xfe"},
      {"\xc3", "\\xc3"},                    // cut in the middle
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // surrogate
      {"\xc0\xaf", "\\xc0\\xaf"},           // too long for its value
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
  };
  for (const Case& one : cases) CHECK(wlog::escape(one.text) == one.expected);
}

TEST_CASE("log: a message is cut at 16 KiB at a character border, with how much was left out") {
  std::string exact(wlog::kMessageBytesMax, 'x');
  CHECK(wlog::escape(exact) == exact);
  std::string long_text;
  while (long_text.size() < 3 * wlog::kMessageBytesMax) long_text += "试";
  std::string cut = wlog::escape(long_text);
  CHECK(cut.size() <= wlog::kMessageBytesMax);
  CHECK(cut.ends_with(" bytes left out)"));
  CHECK(wlog::escape(cut) == cut);
}

TEST_CASE("log: escaping random bytes gives printable text within the limit that escapes to itself") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937 random(weir::test::seed());
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % (round % 50 == 0 ? 40000 : 200), '\0');
    for (char& byte : text) byte = static_cast<char>(random() % 4 == 0 ? random() % 256 : 'a' + random() % 26);
    std::string once = wlog::escape(text);
    CHECK(once.size() <= wlog::kMessageBytesMax);
    CHECK(once.find('\n') == std::string::npos);
    CHECK(wlog::escape(once) == once);
  }
}

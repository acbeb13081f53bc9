#include "common/observe/log_writer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "common/base/unique_fd.h"
#include "common/observe/log.h"
#include "tests/support/temporary_directory.h"

namespace wlog = weir::log;  // ::log is the logarithm
using weir::UniqueFd;
using weir::test::TemporaryDirectory;
using wlog::Level;

namespace {

/// A log file that takes 64 KiB and then hangs until somebody reads: a named pipe.
struct HangingFile {
  HangingFile() : path(directory.path() / "weir.log") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    reader.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(reader.valid());
    REQUIRE(wlog::start({.program = "test", .file = path, .also_stdout = false}).ok());
  }
  /// Reads until `mark` has come. The process's time limit is the deadline.
  std::string read_until(const std::string& mark) {
    std::string text;
    std::array<char, 65536> room;
    while (text.find(mark) == std::string::npos) {
      const ssize_t count = ::read(reader.get(), room.data(), room.size());
      if (count > 0) text.append(room.data(), static_cast<std::size_t>(count));
    }
    return text;
  }
  TemporaryDirectory directory;
  std::string path;
  UniqueFd reader;
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("log_writer: a file that hangs holds up its writers once, and its lines come when it goes on") {
  HangingFile file;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) wlog::write(Level::info, "line " + std::string(200, 'x'));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  wlog::write(Level::info, "the last one");
  const std::string text = file.read_until("the last one");
  CHECK(count_of(text, "line xxx") == 2000);
  CHECK(text.find("missing here") == std::string::npos);
  wlog::stop();
}

TEST_CASE("log_writer: what a hanging file does not take beyond the queue is lost, and a line says how much") {
  HangingFile file;
  for (int i = 0; i < 1000; ++i) wlog::write(Level::info, "line " + std::string(12'000, 'x'));
  const std::string text = file.read_until("lines of this log are missing here: writing took too long");
  CHECK(count_of(text, "line xxx") < 1000);
  CHECK(count_of(text, "line xxx") > 0);
  wlog::stop();
}

TEST_CASE("log_writer: a file that hangs does not keep the log from ending") {
  HangingFile file;
  for (int i = 0; i < 2000; ++i) wlog::write(Level::info, "line " + std::string(200, 'x'));
  wlog::write(Level::info, "the last one");
  wlog::stop();
  file.read_until("the last one");
}

TEST_CASE("log_writer: lines for which there is no space left are lost and nobody else is troubled") {
  REQUIRE(wlog::start({.program = "test", .file = "/dev/full", .also_stdout = false}).ok());
  for (int i = 0; i < 100; ++i) wlog::write(Level::info, "line");
  wlog::stop();
}

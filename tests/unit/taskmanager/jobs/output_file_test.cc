#include "taskmanager/jobs/output_file.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "taskmanager/jobs/output_pump.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/temporary_directory.h"

using namespace weir;
using namespace weir::taskmanager;
using weir::testing::run_coroutine;

TEST_CASE("output_file: never has more than its bytes, and drops the oldest half") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    const test::TemporaryDirectory directory;
    BlockingPool pool(2);
    OutputFile file(control.executor(), pool, directory.string() + "/x.out", 1000);
    std::string all;
    for (int i = 0; i < 100; ++i) {
      const std::string line = "line " + std::to_string(i) + " " + std::string(20, '.') + "\n";
      all += line;
      co_await file.write(line);
    }
    const std::string now = test::read_text(directory.path() / "x.out");
    const std::string before = test::read_text(directory.path() / "x.out.1");
    CHECK(now.size() <= 500);
    CHECK(before.size() <= 500);
    CHECK(all.ends_with(before + now));
  });
}

TEST_CASE("output_file: what cannot be written is dropped, and written again when it can be") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    const test::TemporaryDirectory directory;
    BlockingPool pool(2);
    OutputFile file(control.executor(), pool, directory.string() + "/sub/x.out", 1000);
    co_await file.write("lost\n");
    std::filesystem::create_directory(directory.path() / "sub");
    co_await file.write("kept\n");
    CHECK(test::read_text(directory.path() / "sub" / "x.out") == "kept\n");
  });
}

TEST_CASE("output_file: only the newest outputs of workers are kept, and no other file goes") {
  const test::TemporaryDirectory directory;
  const auto now = std::filesystem::file_time_type::clock::now();
  for (int i = 0; i < 5; ++i) {
    const auto path = directory.write("tm-job-" + std::to_string(i) + ".out", "x");
    directory.write("tm-job-" + std::to_string(i) + ".out.1", "x");
    std::filesystem::last_write_time(path, now - std::chrono::hours(i));
  }
  directory.write("tm.out", "x");
  directory.write("other-job.out", "x");
  directory.write("tm-job.log", "x");
  remove_old_outputs(directory.string() + "/tm", 2);
  const auto exists = [&](const char* name) { return std::filesystem::exists(directory.path() / name); };
  CHECK(exists("tm-job-0.out"));
  CHECK(exists("tm-job-1.out.1"));
  CHECK_FALSE(exists("tm-job-2.out"));
  CHECK_FALSE(exists("tm-job-4.out.1"));
  CHECK(exists("tm.out"));
  CHECK(exists("other-job.out"));
  CHECK(exists("tm-job.log"));
  remove_old_outputs("/nowhere/tm", 2);
}

TEST_CASE("output_pump: the last lines are bounded in number and length, and fit for a log") {
  LastLines lines;
  for (int i = 0; i < 100; ++i) lines.add("line " + std::to_string(i) + "\n");
  lines.add(std::string(10'000, 'x'));
  lines.add("y\nan open \x1b line");
  const std::string text = lines.text();
  CHECK(text.starts_with("line 81\n"));
  CHECK(text.size() < 20 * 20 + 1000);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("an open ") != std::string::npos);
  CHECK(LastLines().text().empty());
}

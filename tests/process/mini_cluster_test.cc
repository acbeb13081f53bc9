#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "weir/testing.h"

using weir::testing::MiniCluster;
using weir::testing::MiniClusterJob;
using weir::testing::MiniClusterOptions;

namespace {

MiniClusterOptions options() {
  MiniClusterOptions made;
  const char* dist = std::getenv("WEIR_TEST_DIST");
  if (dist != nullptr) made.home = dist;
  return made;
}

/// A text file in a folder of its own.
struct TextFile {
  std::filesystem::path directory;
  explicit TextFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    std::ofstream(directory / "text") << text;
  }
  ~TextFile() { std::filesystem::remove_all(directory); }
  std::string path() const { return (directory / "text").string(); }
};

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("mini_cluster: runs a job to its end, shows what it printed, and leaves nothing behind") {
  const TextFile text("to be or not to be\n");
  std::string directory;
  {
    MiniCluster cluster(options());
    directory = cluster.directory();
    MiniClusterJob job;
    job.library = WORD_COUNT;
    job.arguments = {"--input", text.path()};
    const std::string id = cluster.submit(job);
    CHECK(cluster.wait_for_end(id) == "FINISHED");
    CHECK(cluster.root_exception(id) == "");
    CHECK(cluster.printed().find(R"({"word":"be","count":2})") != std::string::npos);
    CHECK(cluster.get("/overview").find("slots-total") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(directory));
}

TEST_CASE("mini_cluster: mistakes of a submission are sentences") {
  MiniCluster cluster(options());
  MiniClusterJob job;
  job.library = WORD_COUNT;
  CHECK(message_of([&] { cluster.submit(job); }).find("--input") != std::string::npos);
  job.entry = "nope";
  CHECK(message_of([&] { cluster.submit(job); }).find("word_count") != std::string::npos);
  job.library = "/nonexistent/job.so";
  CHECK(message_of([&] { cluster.submit(job); }).find("/nonexistent/job.so") != std::string::npos);
  CHECK(message_of([&] {
          cluster.state("00000000000000000000000000000000");
        }).find("00000000000000000000000000000000") != std::string::npos);
}

TEST_CASE("mini_cluster: a folder without daemons is named") {
  MiniClusterOptions wrong;
  wrong.home = "/nonexistent/weir";
  CHECK(message_of([&] { MiniCluster cluster(wrong); }).find("/nonexistent/weir") != std::string::npos);
}

TEST_CASE("mini_cluster: a configuration that the daemons refuse comes with their words") {
  MiniClusterOptions wrong = options();
  wrong.options["taskmanager.numberOfTaskSlots"] = "many";
  CHECK(message_of([&] { MiniCluster cluster(wrong); }).find("taskmanager.numberOfTaskSlots") != std::string::npos);
}

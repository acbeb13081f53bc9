#include "common/daemon/log_choice.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"

using namespace weir;
using namespace weir::daemon;
using weir::test::TemporaryDirectory;

namespace {

LogChoice chosen(const StartCommand& command, const config::Configuration& configuration, const std::string& home,
                 const config::Environment& environment) {
  auto choice = choose_log("jobmanager", command, configuration, home, environment);
  REQUIRE(choice.ok());
  return std::move(choice).value();
}

}  // namespace

TEST_CASE("log choice: a file that the command names is taken as it is, its folder and stem with it") {
  StartCommand command;
  command.log_file = "/var/log/weir/main.log";
  const LogChoice choice = chosen(command, {}, "/nowhere", {{"WEIR_LOG_DIR", "/elsewhere"}});
  CHECK(choice.file == "/var/log/weir/main.log");
  CHECK(choice.files.directory == "/var/log/weir");
  CHECK(choice.files.stem == "main");
  command.log_file = "/var/log/weir/main.txt";
  CHECK(chosen(command, {}, "/nowhere", {}).files.stem == "main.txt");
}

TEST_CASE("log choice: the folder is the environment's, else the configuration's, else log below the home") {
  TemporaryDirectory directory;
  const std::string top = directory.string();
  config::Configuration configuration;
  CHECK(chosen({}, configuration, top + "/home", {}).files.directory == top + "/home/log");
  configuration.set("env.log.dir", top + "/configured", "c");
  CHECK(chosen({}, configuration, top + "/home", {}).files.directory == top + "/configured");
  CHECK(chosen({}, configuration, top + "/home", {{"FLINK_LOG_DIR", top + "/flink"}}).files.directory ==
        top + "/flink");
  const LogChoice both =
      chosen({}, configuration, top + "/home", {{"FLINK_LOG_DIR", top + "/flink"}, {"WEIR_LOG_DIR", top + "/weir"}});
  CHECK(both.files.directory == top + "/weir");
  CHECK(both.file == both.files.directory + "/" + both.files.stem + ".log");
}

TEST_CASE("log choice: a folder that cannot be made leaves standard output, and says why") {
  TemporaryDirectory directory;
  directory.write("file", "");
  const LogChoice choice = chosen({}, {}, "/nowhere", {{"WEIR_LOG_DIR", directory.string() + "/file/log"}});
  CHECK(choice.file.empty());
  CHECK(choice.problem.find(directory.string() + "/file/log") != std::string::npos);
}

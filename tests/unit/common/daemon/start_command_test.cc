#include "common/daemon/start_command.h"

#include <doctest/doctest.h>

using namespace weir::daemon;

namespace {

const std::vector<KeyOption> kKeyOptions{
    {"--host", "jobmanager.rpc.address", "address"}, {"-r,--webui-port", "rest.port", "port"}, {"-x", "", "ignored"}};

Command parse(const std::vector<std::string>& words) {
  return parse_start_command("jobmanager", "Does things.", kKeyOptions, words);
}
StartCommand started(const std::vector<std::string>& words) { return std::get<StartCommand>(parse(words)); }
PrintCommand printed(const std::vector<std::string>& words) { return std::get<PrintCommand>(parse(words)); }

}  // namespace

TEST_CASE("start command: without words the daemon starts with nothing given") {
  const StartCommand command = started({});
  CHECK(command.configuration_directory.empty());
  CHECK(command.dynamic.empty());
  CHECK(command.log_file.empty());
  CHECK_FALSE(command.check_only);
}

TEST_CASE("start command: options are taken joined and apart") {
  const StartCommand command =
      started({"-c", "/etc/weir", "-Da.b=c", "-D", "d=e=f", "--log-file", "l.log", "--ports-file=p", "--check",
               "--print-option", "rest.port", "--print-option", "env.log.dir"});
  CHECK(command.configuration_directory == "/etc/weir");
  CHECK(command.dynamic == std::vector<std::string>{"a.b=c", "d=e=f"});
  CHECK(command.log_file == "l.log");
  CHECK(command.ports_file == "p");
  CHECK(command.check_only);
  CHECK(command.printed_keys == std::vector<std::string>{"rest.port", "env.log.dir"});
}

TEST_CASE("start command: options that stand for keys come before every -D, which wins") {
  CHECK(started({"-Drest.port=2", "-r", "1", "--host", "h"}).dynamic ==
        std::vector<std::string>{"jobmanager.rpc.address=h", "rest.port=1", "rest.port=2"});
  CHECK(started({"-x", "cluster"}).dynamic.empty());
}

TEST_CASE("start command: help and version are printed, what is unknown is refused with a way out") {
  CHECK(printed({"--help"}).exit_code == 0);
  CHECK(printed({"--help"}).text.find("--webui-port") != std::string::npos);
  CHECK(printed({"-v"}).text.starts_with("Version: "));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--nonsense"}, {"stray"}, {"-c"}}) {
    CHECK(printed(words).exit_code == 1);
    CHECK(printed(words).text.starts_with("jobmanager: "));
    CHECK(printed(words).text.ends_with("; see jobmanager --help\n"));
  }
}

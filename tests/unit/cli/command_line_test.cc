#include "cli/command_line.h"

#include <doctest/doctest.h>

#include "cli/console.h"
#include "cli/program.h"
#include "cli/run.h"

using namespace weir::cli;
using weir::Result;

namespace {

RunVerb run_of(const std::vector<std::string>& words) {
  Result<Command> command = parse_command_line(words);
  INFO((command.ok() ? "" : command.error().message));
  REQUIRE(command.ok());
  return std::get<RunVerb>(command->verb);
}

std::string refusal(const std::vector<std::string>& words) {
  Result<Command> command = parse_command_line(words);
  return command.ok() ? "" : command.error().message;
}

}  // namespace

TEST_CASE("command line: options before the library are ours, everything after it is the program's") {
  RunVerb run = run_of({"run", "-d", "-c", "slow", "-p", "4", "job.so", "-p", "9", "--help", "-x", "--", "a b"});
  CHECK(run.detached);
  CHECK(run.program.entry == "slow");
  CHECK(run.program.parallelism == 4);
  CHECK(run.program.library == "job.so");
  CHECK(run.program.arguments == std::vector<std::string>{"-p", "9", "--help", "-x", "--", "a b"});
}

TEST_CASE("command line: values may be attached, and long options may have one dash, as Flink's have") {
  RunVerb run = run_of({"run", "-p4", "-class", "slow", "-sae", "-detached", "job.so"});
  CHECK(run.program.parallelism == 4);
  CHECK(run.program.entry == "slow");
  CHECK(run.cancel_on_exit);
  CHECK(run.detached);
  CHECK(run_of({"run", "--parallelism=3", "-class=slow", "x.so"}).program.parallelism == 3);
  CHECK(run_of({"run", "-j", "x.so", "first"}).program.arguments == std::vector<std::string>{"first"});
  CHECK(run_of({"run", "-d", "--", "-odd-name.so", "-d"}).program.library == "-odd-name.so");
}

TEST_CASE("command line: settings keep their order and everything after the first equals sign") {
  Command command = parse_command_line({"run", "-Da=b=c", "-D", "k=", "-D=x=y", "-m", "host:1", "job.so"}).value();
  CHECK(command.settings == std::vector<std::string>{"a=b=c", "k=", "x=y"});
  CHECK(command.address == "host:1");
}

TEST_CASE("command line: list and cancel take their options anywhere") {
  Command list = parse_command_line({"list", "-a", "-m", "h:1"}).value();
  CHECK(std::get<ListVerb>(list.verb).all);
  Command cancel = parse_command_line({"cancel", "abc", "-m", "h:1"}).value();
  CHECK(std::get<CancelVerb>(cancel.verb).job_id == "abc");
  CHECK(cancel.address == "h:1");
}

TEST_CASE("command line: help and version need no cluster") {
  CHECK(std::get<HelpVerb>(parse_command_line({"--help"}).value().verb).text.find("run") != std::string::npos);
  CHECK(std::get<HelpVerb>(parse_command_line({"run", "--help"}).value().verb).text.find("--detached") !=
        std::string::npos);
  CHECK(std::holds_alternative<VersionVerb>(parse_command_line({"--version"}).value().verb));
}

TEST_CASE("command line: what cannot be understood is said in one sentence") {
  CHECK(refusal({}).find("no verb given") != std::string::npos);
  CHECK(refusal({"rum"}).find("did you mean run?") != std::string::npos);
  CHECK(refusal({"frobnicate"}).find("weir --help") != std::string::npos);
  CHECK(refusal({"savepoint", "x"}) == "this version has no verb savepoint: jobs have no savepoints yet");
  CHECK(refusal({"stop", "x"}).find("weir cancel ends it") != std::string::npos);
  CHECK(refusal({"run"}).find("run needs a job library") != std::string::npos);
  CHECK(refusal({"run", "--no-such", "job.so"}).find("--no-such") != std::string::npos);
  CHECK(refusal({"run", "-s", "savepoint", "job.so"}).find("does not know the option -s") != std::string::npos);
  CHECK(refusal({"run", "-p", "x", "job.so"}) != "");
  CHECK(refusal({"run", "-p", "0", "job.so"}) != "");
  CHECK(refusal({"run", "-p"}).find("-p needs a value") != std::string::npos);
  CHECK(refusal({"run", "--detached=1", "job.so"}).find("takes no value") != std::string::npos);
  CHECK(refusal({"run", "-c", "a", "-c", "b", "job.so"}) != "");
  CHECK(refusal({"list", "extra"}).find("extra") != std::string::npos);
  CHECK(refusal({"cancel"}).find("one job id") != std::string::npos);
  CHECK(refusal({"cancel", "a", "b"}).find("one job id") != std::string::npos);
}

TEST_CASE("run: relative file arguments are refused with the absolute way to write them") {
  CHECK(check_arguments({"--input", "file:/a", "--output=file:///b", "--bad-records", "kafka:t", "profile:x"}).ok());
  for (std::string argument : {"file:data/x", "--input=file:data/x", "file:", "file:../x"}) {
    Result<void> checked = check_arguments({"--input", argument});
    INFO(argument);
    REQUIRE_FALSE(checked.ok());
    CHECK(checked.error().message.find("relative path in the argument " + argument) != std::string::npos);
    CHECK(checked.error().message.find("file:/") != std::string::npos);
  }
  CHECK(check_arguments({"--input=file://localhost/a"}).ok());
  CHECK(check_arguments({"file://other/a"}).error().message.find("names the machine 'other'") != std::string::npos);
}

TEST_CASE("run: a finished job is noticed soon, a long one is not asked about often") {
  std::chrono::milliseconds pause{10};
  for (int i = 0; i < 20; ++i) pause = next_pause(pause);
  CHECK(pause == std::chrono::seconds(2));
  CHECK(next_pause(std::chrono::milliseconds(10)) == std::chrono::milliseconds(20));
}

TEST_CASE("console: progress is one line of known width") {
  CHECK(progress_line("job.so", 0, 2'000'000) ==
        "Uploading job.so   0% [                              ] 0.0 of 2.0 MB");
  CHECK(progress_line("job.so", 1'000'000, 2'000'000) ==
        "Uploading job.so  50% [===============               ] 1.0 of 2.0 MB");
  CHECK(progress_line("job.so", 0, 0).find("100%") != std::string::npos);
}

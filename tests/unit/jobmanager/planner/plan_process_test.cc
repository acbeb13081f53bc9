#include "jobmanager/planner/plan_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "common/base/unique_fd.h"
#include "common/plan/plan_frame.h"
#include "jobmanager/planner/child.h"
#include "jobmanager/planner/planner_stop.h"
#include "proto/plan.pb.h"
#include "tests/support/temporary_directory.h"

namespace weir::jobmanager {
namespace {

std::string good_frame() {
  proto::Plan plan;
  plan.set_job_name("words");
  auto& source = *plan.add_operators();
  source.set_id(1);
  source.set_role(proto::SOURCE);
  source.set_name("lines");
  return *plan::encode_plan_frame(plan);
}

/// A planner that is a shell script: the child's descriptors 3 and 4 are the frame and the configuration.
struct Script {
  explicit Script(const std::string& body) {
    directory.write("good", good_frame());
    directory.write("refusal", plan::encode_refusal_frame("no job 'x' in this library; it has: words"));
    const auto path = directory.write("planner", "#!/bin/bash\nhere=" + directory.string() + "\n" + body + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    command.executable = path;
    command.home = "/home-of-weir";
    command.library = "/jobs/job.so";
    limits.timeout = std::chrono::seconds(20);
  }
  Result<plan::Plan> run() { return run_planner(command, limits); }
  std::string refusal() {
    auto plan = run();
    REQUIRE(!plan.ok());
    CHECK(plan.error().blame == Blame::user);
    return plan.error().message;
  }

  test::TemporaryDirectory directory;
  PlannerCommand command;
  PlannerLimits limits;
};

TEST_CASE("plan_process: the plan comes from the frame, whatever is printed") {
  Script script("echo hello; echo problem >&2; cat $here/good >&3");
  auto plan = script.run();
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
  CHECK(plan->job_name == "words");
}

TEST_CASE("plan_process: the child gets arguments and configuration verbatim and a clean environment") {
  ::setenv("WEIR_TEST_LEAK", "1", 1);
  Script script(
      "printf '%s\\n' \"$@\" >$here/arguments; env | sort >$here/environment; cat <&4 >$here/configuration; ls -l "
      "/proc/self/fd >$here/fds; cat $here/good >&3");
  script.command.entry = "words";
  script.command.shown_name = "my job.so";
  script.command.arguments = {"--input", "a b", "", "$HOME"};
  script.command.configuration = {{"pipeline.name", "n"}};
  script.command.environment = {{"CUSTOM", "x y"}, {"TZ", "Mars"}};
  REQUIRE(script.run().ok());
  CHECK(test::read_text(script.directory.path() / "arguments") ==
        "plan\n--frame-fd\n3\n--configuration-fd\n4\n--entry\nwords\n--shown-name\nmy "
        "job.so\n/jobs/job.so\n--\n--input\na b\n\n$HOME\n");
  const std::string environment = test::read_text(script.directory.path() / "environment");
  for (const char* line : {"CUSTOM=x y\n", "LANG=C.UTF-8\n", "LD_LIBRARY_PATH=/home-of-weir/lib:/home-of-weir/usrlib\n",
                           "TZ=UTC\n", "WEIR_HOME=/home-of-weir\n"}) {
    CHECK(environment.find(line) != std::string::npos);
  }
  CHECK(environment.find("WEIR_TEST_LEAK") == std::string::npos);
  proto::JobConfiguration configuration;
  REQUIRE(configuration.ParseFromString(test::read_text(script.directory.path() / "configuration")));
  CHECK(configuration.values().at("pipeline.name") == "n");
}

TEST_CASE("plan_process: every way not to give a plan is a sentence with the last words") {
  struct Case {
    const char* body;
    const char* sentence;
  };
  const Case cases[] = {
      {"cat $here/refusal >&3", "no job 'x' in this library; it has: words"},
      {"exit 0", "the planner ended without a plan: the job's build function must return, not exit; it wrote nothing"},
      {"echo oh no >&2; exit 3", "the planner ended with exit code 3 and without a plan; its last words: oh no"},
      {"echo only output; exit 3", "; its last words: only output"},
      {"echo a >&2; echo b >&2; kill -SEGV $$",
       "the job's build function crashed with signal 11 (SIGSEGV); its last words: a | b"},
      {"kill -ABRT $$", "crashed with signal 6 (SIGABRT)"},
      {"kill -KILL $$", "killed by signal 9 (SIGKILL)"},
      {"echo garbage >&3", "the planner did not hand over a plan: 8 bytes came instead of a plan"},
      {"echo much more garbage than a header has >&3", "the planner did not hand over a plan: a plan of"},
      {"head -c 20 $here/good >&3", "the planner did not hand over a plan: a plan of"},
      {"cat $here/good $here/good >&3", "the planner did not hand over a plan: a plan of"},
      {"exec 3>&-; exec 1>&- 2>&-; exit 0", "the planner ended without a plan"},
      {"for i in 1 2 3 4 5 6 7 8; do echo line $i >&2; done; exit 1",
       "its last words: line 4 | line 5 | line 6 | line 7 | line 8"},
      {"printf 'bad \\xff\\x1b[31m' >&2; exit 1", "its last words: bad \\xff\\x1b[31m"},
      {"cat /dev/zero | head -c 40000000 >&3", "the planner did not hand over a plan: a plan of 0 bytes was announced"},
  };
  for (const auto& [body, sentence] : cases) {
    INFO(body);
    const std::string message = Script(body).refusal();
    CHECK_MESSAGE(message.find(sentence) != std::string::npos, message);
  }
}

TEST_CASE("plan_process: a child that fills its pipes with megabytes of output is drained") {
  Script script("head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; cat $here/good >&3");
  CHECK(script.run().ok());
}

TEST_CASE("plan_process: a build function that does not end is ended at the time-out") {
  for (const char* body :
       {"sleep 1000", "while :; do :; done", "trap '' TERM INT; sleep 1000", "exec 1>&- 2>&- 3>&-; sleep 1000"}) {
    INFO(body);
    Script script(body);
    script.limits.timeout = std::chrono::milliseconds(300);
    const std::string message = script.refusal();
    CHECK_MESSAGE(message.find("the job's build function did not end within 0.3 s (weir.planner.timeout)") == 0,
                  message);
  }
}

TEST_CASE("plan_process: a planner is stopped from outside, also one that begins only then") {
  PlannerStop stop;
  Script script("echo $$ >$here/pid; sleep 100");
  script.command.stop_descriptor = stop.descriptor();
  std::thread stopper([&] {
    while (!std::filesystem::exists(script.directory.string() + "/pid")) std::this_thread::yield();
    stop.stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  for (int turn = 0; turn < 2; ++turn) {
    auto plan = script.run();
    REQUIRE_FALSE(plan.ok());
    CHECK(plan.error().code == ErrorCode::unavailable);
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  stopper.join();
}

TEST_CASE("plan_process: what the child leaves behind is killed, also in process groups of its own") {
  Script script("set -m; sleep 1000 & echo $! >$here/left; (sleep 1000 & echo $! >$here/left2); cat $here/good >&3");
  CHECK(script.run().ok());
  for (const char* name : {"left", "left2"}) {
    const int pid = std::stoi(test::read_text(script.directory.path() / name));
    // Dead, or a zombie that its adopter has not fetched yet.
    const std::string stat = test::read_text("/proc/" + std::to_string(pid) + "/stat");
    CHECK((stat.empty() || stat.find(") Z ") != std::string::npos));
  }
}

TEST_CASE("child: the session of a process, and none when it has ended since its file was opened") {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  UniqueFd first(::open(fmt::format("/proc/{}/stat", child).c_str(), O_RDONLY | O_CLOEXEC));
  UniqueFd second(::open(fmt::format("/proc/{}/stat", child).c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(session_in(first.get()) == ::getsid(0));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(session_in(second.get()) == -1);
}

TEST_CASE("plan_process: a planner that can't be started is our mistake, and says so") {
  Script script("");
  script.command.executable = "/no/such/planner";
  auto plan = script.run();
  REQUIRE(!plan.ok());
  CHECK(plan.error().code == ErrorCode::io);
  CHECK(plan.error().message == "cannot run /no/such/planner: No such file or directory");
}

}  // namespace
}  // namespace weir::jobmanager

// The planner from both sides: the child that makes the plan, and who starts it.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/planner.h"
#include "cli/planner_child.h"
#include "common/base/unique_fd.h"
#include "common/plan/plan_frame.h"
#include "proto/plan.pb.h"
#include "tests/support/temporary_directory.h"

using namespace weir;
using namespace weir::cli;

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

/// Starts a shell script in the place of `weir plan`; the child's descriptors 3 and 4 are the frame and the
/// configuration.
struct Script {
  explicit Script(const std::string& body) {
    directory.write("good", good_frame());
    directory.write("refusal", plan::encode_refusal_frame("job.so: no job \"x\" in it, there is: words"));
    start.executable = directory.write("planner", "#!/bin/bash\nhere=" + directory.string() + "\n" + body + "\n");
    std::filesystem::permissions(start.executable, std::filesystem::perms::owner_all);
    start.library = "/jobs/job.so";
    start.shown_name = "job.so";
  }
  std::string read(const std::string& name) const {
    std::ifstream file(directory.string() + "/" + name);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::string refusal() {
    Result<plan::Plan> plan = run_planner_child(start);
    return plan.ok() ? "" : plan.error().message;
  }

  test::TemporaryDirectory directory;
  PlannerStart start;
};

/// The frame that the planner child writes.
Result<plan::Plan> planned(PlanVerb verb) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd reading(ends[0]);
  verb.frame_descriptor = ends[1];
  CHECK(be_planner(verb).value() == 1);
  ::close(ends[1]);
  std::string frame(10'000, '\0');
  ssize_t count = ::read(reading.get(), frame.data(), frame.size());
  frame.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return plan::decode_plan_frame(frame);
}

}  // namespace

TEST_CASE("planner child: what cannot be planned is refused in one sentence, over the frame") {
  test::TemporaryDirectory directory;
  PlanVerb verb;
  verb.program.library = directory.write("blob-1", "no library at all");
  verb.shown_name = "job.so";
  Result<plan::Plan> plan = planned(verb);
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.error().message.find("job.so") == 0);
  CHECK(plan.error().message.find("ELF") != std::string::npos);

  verb.program.arguments = {"--input", "file:relative"};
  CHECK(planned(verb).error().message.find("relative path") != std::string::npos);
}

TEST_CASE("planner child: a plan comes over the frame, whatever is printed") {
  Script script("echo noise; cat $here/good >&3");
  CHECK(run_planner_child(script.start).value().job_name == "words");
}

TEST_CASE(
    "planner child: it gets arguments and configuration verbatim, and an environment that does not depend on the "
    "caller's") {
  Script script(
      "printf '%s\\n' \"$@\" >$here/arguments; env >$here/environment; cat <&4 >$here/configuration; cat $here/good "
      ">&3");
  script.start.entry = "words";
  script.start.arguments = {"--flag", "", "a b", "--", "-D"};
  script.start.configuration = {{"parallelism.default", "3"}};
  script.start.library_directory = "/bundle/lib";
  ::setenv("WEIR_TEST_LEAK", "1", 1);
  REQUIRE(run_planner_child(script.start).ok());
  CHECK(script.read("arguments") ==
        "plan\n--frame-fd\n3\n--configuration-fd\n4\n--shown-name\njob.so\n--entry\nwords\n-j\n/jobs/"
        "job.so\n--\n--flag\n\na b\n--\n-D\n");
  proto::JobConfiguration configuration;
  REQUIRE(configuration.ParseFromString(script.read("configuration")));
  CHECK(configuration.values().at("parallelism.default") == "3");
  std::string environment = script.read("environment");
  CHECK(environment.find("TZ=UTC\n") != std::string::npos);
  CHECK(environment.find("LD_LIBRARY_PATH=/bundle/lib:") != std::string::npos);
  CHECK(environment.find("WEIR_TEST_LEAK") == std::string::npos);
}

TEST_CASE("planner child: a refusal, a crash, an exit, garbage and a missing program are told apart") {
  CHECK(Script("cat $here/refusal >&3; exit 1").refusal() == "job.so: no job \"x\" in it, there is: words");
  CHECK(Script("kill -SEGV $$").refusal() == "the job's build function crashed with signal 11 (SIGSEGV)");
  CHECK(Script("exit 3").refusal() == "the job's build function ended the process with exit code 3: it must return");
  CHECK(Script("head -c 100 $here/good >&3; echo more >&3").refusal() != "");
  Script missing("");
  missing.start.executable += ".gone";
  CHECK(missing.refusal().find("cannot start the planner") == 0);
}

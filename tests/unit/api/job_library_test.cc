#include "api/loader/job_library.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

using namespace weir;

namespace {

const JobLibrary& several() {
  static Result<JobLibrary> opened = JobLibrary::open(SEVERAL_JOBS);
  REQUIRE(opened.ok());
  return *opened;
}
std::string refusal(const std::string& entry, std::vector<std::string> words = {}) {
  auto built = several().build(entry, Arguments(std::move(words)), {});
  return built.ok() ? "built" : built.error().message;
}

}  // namespace

TEST_CASE("job_library: builds the graph of the entry that was asked for, with arguments and settings") {
  auto graph = several().build("good", Arguments({"--parallelism", "3"}), {{"given", "yes"}});
  REQUIRE(graph.ok());
  CHECK(graph->job_name == "good");
  CHECK(graph->parallelism == 3);
  CHECK(graph->operators.size() == 3);
  CHECK(graph->configuration.at("seen") == "yes");
  CHECK(graph->operators[1].make_operator() != nullptr);
  CHECK(several().build("named", {}, {})->job_name == "a name of its own");
}

TEST_CASE("job_library: an unknown entry, or none among several, lists what there is") {
  CHECK(refusal("nope") ==
        "several_jobs.so: no job \"nope\" in it, there is: good, misused, named, throws, throws_strange");
  CHECK(refusal("") ==
        "several_jobs.so: holds several jobs, name one of them as entry class (-c): good, misused, named, throws, "
        "throws_strange");
}

TEST_CASE("job_library: what a build function throws is a sentence with its type; a usage error is shown as it is") {
  CHECK(refusal("throws") == "the build function of job throws threw std::out_of_range: at 7");
  CHECK(refusal("throws_strange").starts_with("the build function of job throws_strange threw "));
  CHECK(refusal("misused").find("--input") != std::string::npos);
  CHECK(refusal("misused").find("threw") == std::string::npos);
}

TEST_CASE("job_library: a symbol that is nowhere is named readably") {
  auto opened = JobLibrary::open(MISSING_SYMBOL);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().blame == Blame::user);
  CHECK(opened.error().message ==
        "missing_symbol.so: cannot be loaded, a symbol is missing: elsewhere::count(int); link the library that has "
        "it, or put it beside the job in a bundle");
}

TEST_CASE("job_library: a connector's symbol that is nowhere names the library that has it") {
  auto opened = JobLibrary::open(MISSING_CONNECTOR);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().message ==
        "missing_connector.so: cannot be loaded, a symbol is missing: weir::connectors::make_something(int); link "
        "weir-connectors (pkg-config --libs weir-connectors)");
}

TEST_CASE("job_library: what is no job library is refused before it is loaded") {
  CHECK_FALSE(JobLibrary::open("/nonexistent/job.so").ok());
  CHECK_FALSE(JobLibrary::open("/proc/self/exe").ok());
}

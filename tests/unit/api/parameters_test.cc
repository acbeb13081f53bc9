#include "weir/parameters.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"
#include "weir/environment.h"
#include "weir/testing.h"

using weir::Arguments;
using weir::Parameters;
using weir::UsageError;
using Values = std::map<std::string, std::string, std::less<>>;

namespace {

template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

Values properties(std::string_view text) { return Parameters::from_properties_text(text, "test").values(); }

}  // namespace

TEST_CASE("parameters: arguments as they are written") {
  const auto parameters = Parameters::from_args(Arguments(
      {"--input", "file:/a", "--keys=3", "--rate", "-5", "--keys", "4", "--share=0.5", "--url", "a=b", "--bounded"}));
  CHECK(parameters.require("input") == "file:/a");
  CHECK(parameters.require<int>("keys") == 4);
  CHECK(parameters.require<std::int64_t>("rate") == -5);
  CHECK(parameters.get_or("share", 1.0) == 0.5);
  CHECK(parameters.get_or("url", "") == "a=b");
  CHECK(parameters.get_or("bounded", false));
  CHECK(parameters.get_or("absent", 7) == 7);
  CHECK(parameters.get_or("absent", "x") == "x");
  CHECK(parameters.get_or("absent", true));
  CHECK(parameters.has("keys"));
  CHECK_FALSE(parameters.has("key"));
  CHECK(refusal([] { Parameters::from_args(Arguments({"stray"})); }) ==
        "argument 'stray' belongs to no name: write --name value, or --name=value");
  CHECK(refusal([] { Parameters::from_args(Arguments({"--a", "b", "c"})); }).find("'c'") != std::string::npos);
}

TEST_CASE("parameters: what is missing or no number is a sentence that names it") {
  const Parameters parameters(Values{{"keys", "many"}, {"small", "300"}, {"empty", ""}});
  CHECK(refusal([&] { parameters.require("input"); }) == "parameter 'input' is missing");
  CHECK(refusal([&] { parameters.require<int>("keys"); }) ==
        "parameter 'keys' wants a whole number from -2147483648 to 2147483647, not 'many'");
  CHECK(refusal([&] { parameters.get_or("keys", 1.5); }) == "parameter 'keys' wants a number, not 'many'");
  CHECK(refusal([&] { parameters.require<std::uint8_t>("small"); }).find("0 to 255") != std::string::npos);
  CHECK(refusal([&] { parameters.get_or("small", false); }).find("true or false") != std::string::npos);
  CHECK(refusal([&] { parameters.get_or("empty", 1); }).find("not ''") != std::string::npos);
}

TEST_CASE("parameters: lines of properties are read as Java reads them") {
  struct Case {
    std::string_view text;
    Values expected;
  };
  const Case cases[] = {
      {"", {}},
      {"\n\r\n  \n", {}},
      {"a=1", {{"a", "1"}}},
      {"a = 1 \nb:2\r\nc 3\rd", {{"a", "1 "}, {"b", "2"}, {"c", "3"}, {"d", ""}}},
      {"# a=1\n  ! b=2\nc=3 # d", {{"c", "3 # d"}}},
      {"a=1\na=2", {{"a", "2"}}},
      {"a = one\\\n   two\\\r\n three\nb=2", {{"a", "onetwothree"}, {"b", "2"}}},
      {"a=back\\\\\nb=2", {{"a", "back\\"}, {"b", "2"}}},
      {"a\\=b\\:c\\ d=e", {{"a=b:c d", "e"}}},
      {"a=\\t\\n\\u00e4\\u20AC\\q", {{"a", "\t\n\xc3\xa4\xe2\x82\xacq"}}},
      {"a==b", {{"a", "=b"}}},
      {"a=# no comment\\", {{"a", "# no comment"}}},
      {"a=1\\\n# part of it", {{"a", "1# part of it"}}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(properties(text) == expected);
  }
  CHECK(refusal([] { properties("a=1\nb=\\u12"); }) == "test, line 2: \\u wants four hexadecimal digits");
  CHECK(refusal([] { properties("a=\\u12g4"); }) == "test, line 1: \\u wants four hexadecimal digits");
  CHECK(refusal([] { properties("\n\n= 5"); }) == "test, line 3: a value without a name");
}

TEST_CASE("parameters: a properties file is named by every sentence about it") {
  const weir::test::TemporaryDirectory folder;
  const std::string path = folder.string() + "/job.properties";
  CHECK(refusal([&] { Parameters::from_properties_file(path); }) ==
        "properties file " + path + " cannot be read: No such file or directory");
  CHECK(refusal([] { Parameters::from_properties_file("job.properties"); }).find("must be absolute") !=
        std::string::npos);
  CHECK(refusal([&] { Parameters::from_properties_file(folder.string()); }).find("cannot be read: Is a directory") !=
        std::string::npos);
  std::ofstream(path) << "keys = 5\nbad = \\u1\n";
  CHECK(refusal([&] { Parameters::from_properties_file(path); }) ==
        "properties file " + path + ", line 2: \\u wants four hexadecimal digits");
  std::ofstream(path) << "keys = 5\n";
  CHECK(Parameters::from_properties_file(path).require<int>("keys") == 5);
  std::ofstream(path) << std::string((1u << 20) + 1, 'x');
  CHECK(refusal([&] { Parameters::from_properties_file(path); }).find("longer than 1 MiB") != std::string::npos);
}

TEST_CASE("parameters: the environment by prefix, and the stronger of two wins") {
  ::setenv("WEIR_PARAMETERS_TEST_KEYS", "9", 1);
  const auto environment = Parameters::from_environment("WEIR_PARAMETERS_TEST_");
  CHECK(environment.values() == Values{{"KEYS", "9"}});
  const auto merged = Parameters(Values{{"KEYS", "1"}, {"a", "b"}}).merged_with(environment);
  CHECK(merged.values() == Values{{"KEYS", "9"}, {"a", "b"}});
}

TEST_CASE("parameters: as one line and back, whatever is in them") {
  CHECK(Parameters(Values{{"a", "1"}, {"b", "x y"}}).text() == "a:1,b:x y");
  CHECK(Parameters(Values{{"url", "http://a,b"}, {"e", ""}, {"it's", " '"}}).text() ==
        "e:'','it''s':' ''',url:'http://a,b'");
  CHECK(Parameters::from_text(" a : 1 , b:'x,y' ,c:http://z").values() ==
        Values{{"a", "1"}, {"b", "x,y"}, {"c", "http://z"}});
  CHECK(Parameters::from_text("").values().empty());
  CHECK(refusal([] { Parameters::from_text("a"); }) == "parameters 'a' are no list of name:value with commas between");
  CHECK(refusal([] { Parameters::from_text("a:'b"); }).find("a quote has no end") != std::string::npos);
  CHECK(refusal([] { Parameters::from_text("a:'b'c"); }).find("something stands behind it") != std::string::npos);
  const unsigned first_seed = weir::test::seed();
  CAPTURE(first_seed);
  std::mt19937 random(first_seed);
  for (int round = 0; round < 500; ++round) {
    Values values;
    for (unsigned count = random() % 5; count > 0; --count) {
      std::string name;
      while (name.empty()) name = weir::test::random_text(random, 6, "ab':,\" \\{");
      values[name] = weir::test::random_text(random, 8, "ab':,\" \\}");
    }
    CHECK(Parameters::from_text(Parameters(values).text()).values() == values);
  }
}

TEST_CASE("parameters: what the environment is given, functions find") {
  const Parameters given(Values{{"threshold", "7"}});
  weir::StreamExecutionEnvironment env;
  env.set_global_job_parameters(given);
  CHECK(env.graph().configuration.at("pipeline.global-job-parameters") == "threshold:7");
  weir::testing::HarnessOptions options;
  options.settings = env.graph().configuration;
  weir::testing::OperatorHarness<std::int64_t, std::int64_t> harness(
      [](auto numbers) {
    return numbers.map([](const std::int64_t& number, weir::RuntimeContext& context) {
      return number + context.job_parameters().require<std::int64_t>("threshold");
    });
      },
      options);
  harness.push(1);
  CHECK(harness.take() == std::vector<std::int64_t>{8});
}

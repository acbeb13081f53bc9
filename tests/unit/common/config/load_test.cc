#include "common/config/load.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <random>

#include "common/config/options.h"
#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

using namespace weir::config;
using weir::ErrorCode;
using weir::test::TemporaryDirectory;

namespace {

/// key=value@origin of every setting, sorted by key.
std::string listed(const Configuration& configuration) {
  std::string text;
  for (const auto& [key, setting] : configuration.settings())
    text += key + "=" + setting.value + "@" + setting.origin + "\n";
  return text;
}

std::string yaml_error(const std::string& text) {
  auto loaded = parse_yaml(text, "config.yaml");
  return loaded.ok() ? "no error" : loaded.error().message;
}

std::string lines_error(const std::string& text) {
  auto loaded = parse_lines(text, "flink-conf.yaml");
  return loaded.ok() ? "no error" : loaded.error().message;
}

std::string properties_error(const std::string& text) {
  auto loaded = parse_properties(text, "WEIR_PROPERTIES", {});
  return loaded.ok() ? "no error" : loaded.error().message;
}

}  // namespace

TEST_CASE("load: nested and flat YAML give the same keys, with the line of each") {
  auto loaded = parse_yaml(
      "# comment\n"
      "jobmanager:\n"
      "  rpc:\n"
      "    address: 'jm'   # quoted\n"
      "    port: 6123\n"
      "rest.port: 8081\n"
      "io:\n"
      "  tmp.dirs: /a,/b\n"
      "list: [a, 'b, c']\n"
      "block:\n"
      "  - x\n"
      "  - y\n",
      "c.yaml");
  REQUIRE(loaded.ok());
  CHECK(listed(loaded.value().configuration) ==
        "block=[x, y]@c.yaml:10\n"
        "io.tmp.dirs=/a,/b@c.yaml:8\n"
        "jobmanager.rpc.address=jm@c.yaml:4\n"
        "jobmanager.rpc.port=6123@c.yaml:5\n"
        "list=[a, \"b, c\"]@c.yaml:9\n"
        "rest.port=8081@c.yaml:6\n");
}

TEST_CASE("load: an empty YAML file and a map without values are no settings") {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "{}", "\xEF\xBB\xBF# marked\n"}) {
    auto loaded = parse_yaml(text, "c.yaml");
    REQUIRE(loaded.ok());
    CHECK(loaded.value().configuration.settings().empty());
  }
  auto loaded = parse_yaml("rest:\n#  port: 1\njobmanager.rpc.port: ~\n", "c.yaml");
  REQUIRE(loaded.ok());
  CHECK(loaded.value().configuration.settings().empty());
  CHECK(loaded.value().warnings ==
        std::vector<std::string>{"c.yaml:1: rest has no value and is ignored",
                                 "c.yaml:3: jobmanager.rpc.port has no value and is ignored"});
}

TEST_CASE("load: YAML that is no configuration is refused with its line") {
  CHECK(yaml_error("a: 1\nb: [1\n").starts_with("config.yaml:3: this is not YAML: "));
  CHECK(yaml_error("a: 1\n  b: 2\n").starts_with("config.yaml:2: this is not YAML: "));
  CHECK(yaml_error("just text").find("key: value") != std::string::npos);
  CHECK(yaml_error("- a\n- b\n").find("key: value") != std::string::npos);
  CHECK(yaml_error("a: 1\n---\nb: 2\n").find("after the end of the first YAML document") != std::string::npos);
  CHECK(yaml_error("{a: 1}\nb: 2\n") != "no error");
  CHECK(yaml_error("a: 1\n...\nb: 2\n") != "no error");
  CHECK(yaml_error("? [a, b]\n: 1\n").find("a key must be plain text") != std::string::npos);
  CHECK(yaml_error("'': 1\n").find("a key must be plain text") != std::string::npos);
  CHECK(yaml_error("a b: 1\n") == "config.yaml:1: the key \"a b\" has a blank in it");
  CHECK(yaml_error(std::string(600, 'k') + ": 1\n").find("more than 512 bytes") != std::string::npos);
  CHECK(yaml_error("a: \"x\\0y\"\n").find("zero byte") != std::string::npos);
  CHECK(yaml_error("a: *nowhere\n").find("not YAML") != std::string::npos);
}

TEST_CASE("load: a key set twice in a file is refused with both lines") {
  CHECK(yaml_error("rest.port: 1\nrest:\n  port: 2\n") ==
        "config.yaml:3: rest.port is set a second time, first at config.yaml:1; remove one");
  CHECK(yaml_error("a: 1\na: 1\n") == "config.yaml:2: a is set a second time, first at config.yaml:1; remove one");
  CHECK(lines_error("a: 1\n\n# x\na: 2\n") ==
        "flink-conf.yaml:4: a is set a second time, first at flink-conf.yaml:1; remove one");
  CHECK(properties_error("a: 1\na: 2") ==
        "WEIR_PROPERTIES:2: a is set a second time, first at WEIR_PROPERTIES:1; remove one");
  CHECK(lines_error("restart-strategy: none\nrestart-strategy.type: none\n") ==
        "flink-conf.yaml:2: restart-strategy.type sets what restart-strategy has set at flink-conf.yaml:1: they are "
        "two names of one "
        "option; remove one");
}

TEST_CASE("load: YAML that would grow without end is refused") {
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(yaml_error(deep + std::string(70, ' ') + "b: 1\n").find("nested deeper than 64") != std::string::npos);
  std::string bomb = "m0: &m0 {}\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "m" + std::to_string(i) + ": &m" + std::to_string(i) + " {";
    for (int j = 0; j < 10; ++j) bomb += (j ? ", k" : "k") + std::to_string(j) + ": *m" + std::to_string(i - 1);
    bomb += "}\n";
  }
  CHECK(yaml_error(bomb).find("more than 10000 keys") != std::string::npos);
  CHECK(yaml_error(std::string(5000, '[')) != "no error");
  CHECK(yaml_error("a: " + std::string(5000, '{')) != "no error");
}

TEST_CASE("load: legacy lines are split at the first colon and blank, comments need a blank before them") {
  auto loaded = parse_lines(
      "\xEF\xBB\xBF# comment\r\n"
      "jobmanager.rpc.address: jm.example.com # the active one\r\n"
      "   rest.port:    8081\n"
      "env.java.opts: -Dx: y#z\n"
      "list: a;b\n"
      "empty:\n"
      "quoted: 'kept'",
      "f");
  REQUIRE(loaded.ok());
  CHECK(listed(loaded.value().configuration) ==
        "env.java.opts=-Dx: y#z@f:4\n"
        "jobmanager.rpc.address=jm.example.com@f:2\n"
        "list=a;b@f:5\n"
        "quoted='kept'@f:7\n"
        "rest.port=8081@f:3\n");
  CHECK(loaded.value().warnings == std::vector<std::string>{"f:6: empty has no value and is ignored"});
}

TEST_CASE("load: a legacy line that is no pair is refused with its line") {
  CHECK(lines_error("a: 1\nrest.port:8081\n") ==
        "flink-conf.yaml:2: \"rest.port:8081\" is not of the form key: value, with a blank after the colon");
  CHECK(lines_error("nonsense") != "no error");
  CHECK(lines_error(": 1") == "flink-conf.yaml:1: the key before the colon is missing");
  CHECK(lines_error("a b: 1") == "flink-conf.yaml:1: the key \"a b\" has a blank in it");
  CHECK(lines_error(std::string("a: b\0c", 6)).find("zero byte") != std::string::npos);
}

TEST_CASE("load: properties take variables as envsubst does") {
  auto loaded = parse_properties(
      "jobmanager.rpc.address: ${JM}\n"
      "  # comment\n"
      "rest.port:$PORT\n"
      "\n"
      "a: x$NONE${NONE}y $ ${} ${JM $$JM $1 ${1}\n",
      "FLINK_PROPERTIES", {{"JM", "jobmanager"}, {"PORT", "9"}});
  REQUIRE(loaded.ok());
  CHECK(listed(loaded.value().configuration) ==
        "a=xy $ ${} ${JM $jobmanager $1 ${1}@FLINK_PROPERTIES:5\n"
        "jobmanager.rpc.address=jobmanager@FLINK_PROPERTIES:1\n"
        "rest.port=9@FLINK_PROPERTIES:3\n");
  CHECK(properties_error("no pair") == "WEIR_PROPERTIES:1: \"no pair\" is not of the form key: value");
}

TEST_CASE("load: -D needs a key and an equals sign; the last of two counts; an empty value is a value") {
  auto parsed = parse_dynamic({"rest.port=1", "rest.port=2", "web.upload.dir=", "a.b=c=d"});
  REQUIRE(parsed.ok());
  CHECK(listed(parsed.value()) == "a.b=c=d@-D\nrest.port=2@-D\nweb.upload.dir=@-D\n");
  for (const char* argument : {"", "rest.port", "=1", "a b=1"}) CHECK_FALSE(parse_dynamic({argument}).ok());
  CHECK(parse_dynamic({"rest.port"}).error().message == "-D \"rest.port\": write -Dkey=value");
}

TEST_CASE("load: a line that is no pair is not repeated where it may hold a secret") {
  CHECK(lines_error("s3.secret-key:canary") ==
        "flink-conf.yaml:1: the line is not of the form key: value, with a blank after the colon");
  CHECK(properties_error("my password canary").find("canary") == std::string::npos);
  CHECK(parse_dynamic({"=token canary"}).error().message.find("canary") == std::string::npos);
}

TEST_CASE("load: later layers win: file, FLINK_PROPERTIES, WEIR_PROPERTIES, -D") {
  TemporaryDirectory directory;
  directory.write("config.yaml", "a: file\nb: file\nc: file\nd: file\n");
  Sources sources{
      .directory = directory.string(),
      .environment = {{"WEIR_PROPERTIES", "c: weir\nd: weir"}, {"FLINK_PROPERTIES", "b: flink\nc: flink\nd: flink"}},
      .dynamic = {"d=dynamic"}};
  auto loaded = load(sources);
  REQUIRE(loaded.ok());
  CHECK(listed(loaded.value().configuration) == "a=file@" + directory.string() +
                                                    "/config.yaml:1\nb=flink@FLINK_PROPERTIES:1\n"
                                                    "c=weir@WEIR_PROPERTIES:1\nd=dynamic@-D\n");
  CHECK(loaded.value().file == directory.string() + "/config.yaml");
}

TEST_CASE("load: a later layer wins under an old name too") {
  TemporaryDirectory directory;
  directory.write("config.yaml", "restart-strategy:\n  type: none\n");
  auto loaded = load({.directory = directory.string(), .environment = {}, .dynamic = {"restart-strategy=fixed-delay"}});
  REQUIRE(loaded.ok());
  CHECK(listed(loaded.value().configuration) == "restart-strategy.type=fixed-delay@-D\n");
}

TEST_CASE(
    "load: flink-conf.yaml goes before config.yaml, as in Flink 1.20, and a warning names the file that is not read") {
  TemporaryDirectory directory;
  directory.write("config.yaml", "a: yaml\n");
  auto alone = load({.directory = directory.string(), .environment = {}, .dynamic = {}});
  REQUIRE(alone.ok());
  CHECK(alone->configuration.raw("a") == "yaml");
  CHECK(alone->warnings.empty());
  directory.write("flink-conf.yaml", "b: legacy\n");
  auto both = load({.directory = directory.string(), .environment = {}, .dynamic = {}});
  REQUIRE(both.ok());
  CHECK(listed(both->configuration) == "b=legacy@" + directory.string() + "/flink-conf.yaml:1\n");
  CHECK(both->file == directory.string() + "/flink-conf.yaml");
  CHECK(both->warnings == std::vector<std::string>{
                              directory.string() +
                              "/config.yaml is ignored, because flink-conf.yaml stands beside it; remove one of them"});
}

TEST_CASE("load: a directory without a file, an unreadable file and one too large are errors that name them") {
  TemporaryDirectory directory;
  auto empty = load({.directory = directory.string(), .environment = {}, .dynamic = {}});
  REQUIRE_FALSE(empty.ok());
  CHECK(empty.error().code == ErrorCode::not_found);
  CHECK(empty.error().message.find(directory.string() + " has neither config.yaml nor flink-conf.yaml") !=
        std::string::npos);
  auto absent = load({.directory = directory.string() + "/none", .environment = {}, .dynamic = {}});
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().message.find("is no readable directory") != std::string::npos);
  std::filesystem::create_directory(directory.path() / "config.yaml");
  auto not_a_file = load({.directory = directory.string(), .environment = {}, .dynamic = {}});
  REQUIRE_FALSE(not_a_file.ok());
  CHECK(not_a_file.error().code == ErrorCode::io);
  std::filesystem::remove(directory.path() / "config.yaml");
  directory.write("config.yaml", std::string(2 * 1024 * 1024, '#'));
  auto large = load({.directory = directory.string(), .environment = {}, .dynamic = {}});
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code == ErrorCode::resource_exhausted);
}

TEST_CASE("load: no directory means no file") {
  auto loaded = load({.directory = "", .environment = {}, .dynamic = {"rest.port=0"}});
  REQUIRE(loaded.ok());
  CHECK(loaded.value().configuration.get(kRestPort).value() == 0);
}

TEST_CASE("load: random text is read or refused without harm") {
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  std::mt19937 random(weir::test::seed());
  for (int i = 0; i < 1500; ++i) {
    std::string text = weir::test::random_text(random, 120, "ab: \n\n-#'\"[]{}&*!|>%@`,?.$\t");
    INFO(text);
    (void)parse_yaml(text, "y");
    (void)parse_properties(text, "p", {{"a", "$a"}});
    auto lines = parse_lines(text, "l");
    if (!lines.ok()) CHECK(lines.error().message.starts_with("l:"));
  }
}

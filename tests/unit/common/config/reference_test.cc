// The pages docs/reference/configuration.md and defaults.md are made here from the table of options, and compared with
// what is committed. To write them again: WEIR_WRITE_REFERENCE=1 build/tests/unit/common/unit_common -tc='reference*'
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "common/config/check.h"
#include "common/config/load.h"
#include "common/config/options.h"
#include "tests/support/temporary_directory.h"

using namespace weir::config;

namespace {

const std::string kRoot = WEIR_SOURCE_ROOT;
constexpr const char* kCommand = "WEIR_WRITE_REFERENCE=1 build/tests/unit/common/unit_common -tc='reference*'";

std::string default_of(const OptionText& option) {
  if (!option.fallback) return "(none)";
  return "`" + std::string(*option.fallback) + "`";
}

std::string type_of(const OptionEntry& entry) {
  std::string type = entry.type == "Enum" ? entry.forms() : std::string(entry.type);
  if (entry.option->least) type += ", at least " + std::string(*entry.option->least);
  if (entry.option->most) type += ", at most " + std::string(*entry.option->most);
  return type;
}

std::string configuration_page() {
  std::string page =
      "# Configuration\n\n"
      "Every option of Weir. Generated from `common/config/*_options.h` by\n`" +
      std::string(kCommand) +
      "`.\n\n"
      "Options are read from `conf/config.yaml` (nested or flat YAML) or, where it exists, from `conf/flink-conf.yaml` "
      "alone (lines\n"
      "`key: value`; Flink 1.20 chooses so too), then from the variables `FLINK_PROPERTIES` and `WEIR_PROPERTIES` "
      "(lines `key: value`), then from\n"
      "`-Dkey=value`. Later ones win. A key set twice in one place and a mistyped key are errors; any other unknown "
      "key is the user's own, a warning, and reaches jobs; a key of Flink that "
      "has no effect here is a warning.\n\n"
      "| type | forms |\n|---|---|\n";
  page += "| Duration | " + Value<Duration>::forms() + " |\n";
  page += "| MemorySize | " + Value<weir::ByteCount>::forms() + " |\n";
  page += "| Ports | " + Value<PortRange>::forms() + " |\n";
  page += "| Map | " + Value<Map>::forms() + "; also one key per entry, `KEY.name: value` |\n";
  for (const OptionGroup& group : option_groups()) {
    page += "\n## " + std::string(group.title) + "\n\n| key | default | type | meaning |\n|---|---|---|---|\n";
    for (const OptionEntry& entry : group.options) {
      const OptionText& option = *entry.option;
      std::string about(option.about);
      std::string old_keys;
      for (std::string_view key : option.old_keys) {
        if (!key.empty()) old_keys += (old_keys.empty() ? "`" : ", `") + std::string(key) + "`";
      }
      if (!old_keys.empty()) about += " Also accepted: " + old_keys + ".";
      if (option.inert) about += " **No effect in this version**: setting it is a warning.";
      page += "| `" + std::string(option.key) + "` | " + default_of(option) + " | " + type_of(entry) + " | " + about +
              " |\n";
    }
  }
  return page;
}

std::string defaults_page() {
  std::string page =
      "# Defaults that differ from Flink's\n\n"
      "Everything else has the default of Flink. Generated from `common/config/*_options.h` by\n`" +
      std::string(kCommand) +
      "`.\n\n"
      "| key | Weir | Flink | because |\n|---|---|---|---|\n";
  for (const OptionGroup& group : option_groups()) {
    for (const OptionEntry& entry : group.options) {
      const OptionText& option = *entry.option;
      if (!option.flink) continue;
      page += "| `" + std::string(option.key) + "` | " + default_of(option) + " | " + std::string(*option.flink) +
              " | " + std::string(option.because) + " |\n";
    }
  }
  return page;
}

void compare(const std::string& name, const std::string& page) {
  std::string path = kRoot + "/docs/reference/" + name;
  if (std::getenv("WEIR_WRITE_REFERENCE") != nullptr) {
    std::filesystem::create_directories(kRoot + "/docs/reference");
    std::ofstream(path) << page;
  }
  INFO(path, " is not what the table of options gives; write it again: ", kCommand);
  bool is_current = weir::test::read_text(path) == page;
  CHECK(is_current);
}

}  // namespace

TEST_CASE("reference: docs/reference/configuration.md is what the table of options gives") {
  compare("configuration.md", configuration_page());
}

TEST_CASE("reference: docs/reference/defaults.md is what the table of options gives") {
  compare("defaults.md", defaults_page());
}

TEST_CASE("reference: conf/config.yaml is right and raises no warning") {
  auto loaded = load({.directory = kRoot + "/conf", .environment = {}, .dynamic = {}});
  REQUIRE(loaded.ok());
  CHECK(loaded->warnings.empty());
  Report report = check(loaded->configuration);
  CHECK(report.errors == std::vector<std::string>());
  CHECK(report.warnings == std::vector<std::string>());
}

TEST_CASE("reference: conf/config.yaml with every comment of a setting taken away is still right") {
  std::string text;
  std::ifstream file(kRoot + "/conf/config.yaml");
  std::string line;
  while (std::getline(file, line)) {
    // A commented setting is "# key:" or "# key: value"; prose has a capital letter or more words before its colon.
    std::size_t hash = line.find("# ");
    std::string_view rest = hash == std::string::npos ? std::string_view() : std::string_view(line).substr(hash + 2);
    std::size_t first = rest.find_first_not_of(' ');
    std::string_view word =
        first == std::string_view::npos ? std::string_view() : rest.substr(first, rest.find(' ', first) - first);
    bool is_setting = !word.empty() && word.ends_with(':') && word[0] >= 'a' && word[0] <= 'z';
    if (is_setting) line = line.substr(0, hash) + std::string(rest);
    text += line + "\n";
  }
  INFO(text);
  auto loaded = parse_yaml(text, "config.yaml");
  REQUIRE(loaded.ok());
  CHECK(checked(loaded->configuration).ok());
  CHECK(loaded->configuration.get(kSecurityAllowUnauthenticated).value());
  CHECK(loaded->configuration.find(kTaskManagerProcessMemory).value() == weir::ByteCount::gib(2));
}

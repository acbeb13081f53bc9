#include "jobmanager/rest/json_body.h"

#include <doctest/doctest.h>

using namespace weir::jobmanager::rest;

namespace {

JsonBody body_of_text(std::string_view text) { return JsonBody::parse("SomeBody", text).value(); }

/// What number() makes of a JSON value, "none" or "refused".
std::string number(const std::string& value) {
  const auto read = body_of_text("{\"n\":" + value + "}").number("n", 1, 100);
  if (!read.ok()) return "refused";
  return *read ? std::to_string(**read) : "none";
}

std::string flag(const std::string& value) {
  const auto read = body_of_text("{\"f\":" + value + "}").flag("f");
  if (!read.ok()) return "refused";
  return *read ? (**read ? "true" : "false") : "none";
}

}  // namespace

TEST_CASE("json_body: a number may be a number or a text, and is bounded") {
  const std::pair<const char*, const char*> cases[] = {{"1", "1"},
                                                       {"\"1\"", "1"},
                                                       {"\" 42 \"", "42"},
                                                       {"100", "100"},
                                                       {"101", "refused"},
                                                       {"0", "refused"},
                                                       {"\"0\"", "refused"},
                                                       {"-1", "refused"},
                                                       {"1.5", "refused"},
                                                       {"\"1.5\"", "refused"},
                                                       {"1e1", "refused"},
                                                       {"\"\"", "none"},
                                                       {"\"  \"", "none"},
                                                       {"null", "none"},
                                                       {"true", "refused"},
                                                       {"[1]", "refused"},
                                                       {"{}", "refused"},
                                                       {"\"x\"", "refused"},
                                                       {"\"1 2\"", "refused"},
                                                       {"99999999999999999999", "refused"},
                                                       {"\"99999999999999999999\"", "refused"}};
  for (const auto& [value, expected] : cases) {
    CAPTURE(value);
    CHECK(number(value) == expected);
  }
}

TEST_CASE("json_body: a flag may be a flag or a text") {
  const std::pair<const char*, const char*> cases[] = {
      {"true", "true"}, {"false", "false"}, {"\"true\"", "true"},   {"\"FALSE\"", "false"}, {"\"\"", "none"},
      {"null", "none"}, {"1", "refused"},   {"\"yes\"", "refused"}, {"[]", "refused"}};
  for (const auto& [value, expected] : cases) {
    CAPTURE(value);
    CHECK(flag(value) == expected);
  }
}

TEST_CASE("json_body: what is no object is refused in the name of its format") {
  for (const char* text : {"{", "[]", "1", "\"x\"", "{\"a\":1}}", "{\"a\" 1}", "\xff"}) {
    CAPTURE(text);
    const auto body = JsonBody::parse("SomeBody", text);
    REQUIRE(!body.ok());
    CHECK(body.error().code == weir::ErrorCode::invalid_argument);
    CHECK(body.error().message.starts_with("Request did not match expected format SomeBody: "));
  }
  for (const char* text : {"", "  \n", "{}"}) CHECK(JsonBody::parse("SomeBody", text).ok());
}

TEST_CASE("json_body: unknown fields are listed by name, slips are refused") {
  constexpr std::string_view kKnown[] = {"triggerId", "cancel-job", "target-directory"};
  CHECK(body_of_text(R"({"triggerId":1,"cancel-job":false})").unknown_fields(kKnown).value().empty());
  const auto unknown = body_of_text(R"({"no such \u0001 field":1,"another":null})").unknown_fields(kKnown).value();
  REQUIRE(unknown.size() == 2);
  CHECK(unknown[0].find("\"no such \\x01 field\"") != std::string::npos);
  CHECK(unknown[0].find("triggerId, cancel-job, target-directory") != std::string::npos);
  CHECK(unknown[1].find("\"another\"") != std::string::npos);
  for (const char* slip :
       {"trigger-id", "cancelJob", "targetDirectory", "triggerid", "cancel-jobs", "target-dirctory"}) {
    CAPTURE(slip);
    const auto refused = body_of_text("{\"" + std::string(slip) + "\":1}").unknown_fields(kKnown);
    REQUIRE(!refused.ok());
    CHECK(refused.error().message.find("did you mean") != std::string::npos);
  }
}

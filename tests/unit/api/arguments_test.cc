#include "weir/arguments.h"

#include <doctest/doctest.h>

#include <string>

using weir::Arguments;
using weir::UsageError;

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

}  // namespace

TEST_CASE("arguments: a value stands behind its name or behind an equals sign, and the last one wins") {
  const Arguments args({"--input", "file:/a", "--keys=3", "--rate", "-5", "--keys", "4", "--bounded"});
  CHECK(args.require("input") == "file:/a");
  CHECK(args.require<int>("keys") == 4);
  CHECK(args.require<std::int64_t>("rate") == -5);
  CHECK(args.get_or("bounded", false));
  CHECK(args.get_or("absent", 7) == 7);
  CHECK(args.get_or("absent", std::string("x")) == "x");
}

TEST_CASE("arguments: what is missing or no number is a sentence that names it") {
  const Arguments args({"--keys", "many", "--flag", "--small", "300"});
  CHECK(refusal([&] { args.require("input"); }) == "argument --input is missing");
  CHECK(refusal([&] { args.require("flag"); }) == "argument --flag has no value");
  CHECK(refusal([&] { args.require<int>("keys"); }).find("'many'") != std::string::npos);
  CHECK(refusal([&] { args.require<std::uint8_t>("small"); }).find("0 to 255") != std::string::npos);
  CHECK(refusal([&] { args.require<bool>("small"); }).find("true or false") != std::string::npos);
}

TEST_CASE("arguments: allow_only refuses unknown names and stray words, and lists the known ones") {
  CHECK(refusal([] {
          Arguments({"--inptu", "x"}).allow_only({"input"});
        }) == "unknown argument --inptu; this job takes --input");
  CHECK(refusal([] {
          Arguments({"stray"}).allow_only({"input", "keys"});
        }) == "argument 'stray' belongs to no option; this job takes --input, --keys");
  CHECK(refusal([] { Arguments({"--input", "a", "b"}).allow_only({"input"}); }).find("'b'") != std::string::npos);
  CHECK(refusal([] { Arguments({"--input=a", "--keys", "3"}).allow_only({"input", "keys"}); }).empty());
}

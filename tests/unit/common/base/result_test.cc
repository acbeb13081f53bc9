#include <doctest/doctest.h>

#include "common/base/try.h"

using weir::Error;
using weir::ErrorCode;
using weir::Result;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error::user(ErrorCode::invalid_argument, "odd number: " + std::to_string(number));
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(int once, half(number));
  TRY(int twice, half(once));
  return twice;
}

}  // namespace

TEST_CASE("result: TRY hands the first error to the caller unchanged") {
  Result<int> six = quarter(6);
  REQUIRE_FALSE(six.ok());
  CHECK(six.error().message == "odd number: 3");
  CHECK(six.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("result: TRY binds the value") { CHECK(quarter(8).value() == 2); }

TEST_CASE("result: a default constructed result is an error") { CHECK_FALSE(Result<int>().ok()); }

TEST_CASE("result: within puts the place in front and keeps code and blame") {
  Error inner = Error::external(ErrorCode::io, "no space left on device");
  Error outer = inner.within("cannot write part-0");
  CHECK(outer.message == "cannot write part-0: no space left on device");
  CHECK(outer.code == ErrorCode::io);
  CHECK(outer.blame == weir::Blame::external);
}

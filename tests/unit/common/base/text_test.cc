#include "common/base/text.h"

#include <doctest/doctest.h>

#include <array>

#include "common/base/checksum.h"
#include "common/base/hex.h"

namespace weir {
namespace {

TEST_CASE("printable: text stays, everything that steers a terminal is written out") {
  CHECK(printable("plain text, k8s测试", 100) == "plain text, k8s测试");
  CHECK(printable("a\nb\tc\rd\"e\\f", 100) == "a\\nb\\tc\\rd\\\"e\\\\f");
  CHECK(printable(std::string_view("\x1b[31m\0\x7f", 7), 100) == "\\x1b[31m\\x00\\x7f");
  CHECK(printable("\xc2\x9b", 100) == "\\xc2\\x9b");                             // a C1 control
  CHECK(printable("\xff\xc3", 100) == "\\xff\\xc3");                             // no UTF-8, cut UTF-8
  CHECK(printable("\xc0\xaf\xed\xa0\x80", 100) == "\\xc0\\xaf\\xed\\xa0\\x80");  // overlong, surrogate
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("", 3) == "");
}

TEST_CASE("edit_distance: inserts, deletes, replaces and swaps count one each") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("port", "prot") == 1);
  CHECK(edit_distance("rest.port", "rest.ports") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("nearest: a likely slip is found, a stranger is not") {
  const std::array<std::string_view, 3> names{"rest.port", "rest.address", "parallelism.default"};
  CHECK(nearest("rest.prot", names) == "rest.port");
  CHECK(nearest("paralelism.default", names) == "parallelism.default");
  CHECK(nearest("something.else.entirely", names).empty());
  CHECK(nearest("", names).empty());
}

TEST_CASE("checksum: fixed values, since they are stored and sent") {
  CHECK(xxh3_64("") == 0x2d06800538d394c2);
  CHECK(xxh3_64("weir", 0) == xxh3_64("weir"));
  CHECK(xxh3_64("weir", 1) != xxh3_64("weir"));
  CHECK(to_hex(xxh3_128("")) == "99aa06d3014798d86001c324468d497f");
}

}  // namespace
}  // namespace weir

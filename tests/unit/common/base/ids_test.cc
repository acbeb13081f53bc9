#include "common/base/ids.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <type_traits>
#include <unordered_set>

namespace weir {
namespace {

static_assert(!std::is_convertible_v<JobId, VertexId> && !std::is_constructible_v<JobId, VertexId>);

TEST_CASE("ids: hexadecimal text and back, in either case") {
  const auto id = JobId::from_hex("00112233445566778899AABBCCDDEEFF");
  REQUIRE(id.ok());
  CHECK(id.value().to_hex() == "00112233445566778899aabbccddeeff");
  CHECK(fmt::format("{}", id.value()) == "00112233445566778899aabbccddeeff");
  CHECK(JobId::from_bytes(id.value().to_bytes()).value() == id.value());
}

TEST_CASE("ids: text that is no id is refused with a sentence that names it") {
  for (const char* text :
       {"", "0", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0",
        "0011223344556677 899aabbccddeeff", "0011223344556677889gaabbccddeeff", "00112233-4455-6677-8899-aabbccdd"}) {
    const auto id = JobId::from_hex(text);
    CHECK_FALSE(id.ok());
    if (!id.ok()) CHECK(id.error().code == ErrorCode::invalid_argument);
    if (!id.ok()) CHECK(id.error().blame == Blame::user);
  }
  CHECK(VertexId::from_hex("x\n\x1b").error().message ==
        "not a vertex id, which is 32 hexadecimal digits: \"x\\n\\x1b\"");
  CHECK(JobId::from_bytes("").error().code == ErrorCode::corrupt);
  CHECK(JobId::from_bytes("123456789012345").error().code == ErrorCode::corrupt);
  CHECK(JobId::from_bytes("12345678901234567").error().code == ErrorCode::corrupt);
}

TEST_CASE("ids: random ones differ and are not none") {
  std::unordered_set<ExecutionId> seen;
  for (int count = 0; count < 1000; ++count) CHECK(seen.insert(ExecutionId::random()).second);
  CHECK_FALSE(seen.contains(ExecutionId()));
  CHECK(ExecutionId().is_none());
}

TEST_CASE("ids: ordered as their text is") {
  const auto low = JobId::from_hex("00000000000000000000000000000001").value();
  const auto high = JobId::from_hex("80000000000000000000000000000000").value();
  CHECK(low < high);
  CHECK(std::set<JobId>{high, low}.begin()->to_hex() == low.to_hex());
}

TEST_CASE("task_manager_id: what Flink users write is taken, the rest is refused") {
  for (const char* text : {"localhost:6122-1f2e3d", "tm_1", "[::1]:6122-abcdef", "a", "pod-0.svc.cluster.local"})
    CHECK(TaskManagerId::from_string(text).ok());
  for (const std::string& text : {std::string(), std::string("a b"), std::string("a/b"), std::string("../x\n"),
                                  std::string(256, 'a'), std::string("\xc3\xa4"), std::string("a\0b", 3)})
    CHECK_FALSE(TaskManagerId::from_string(text).ok());
}

TEST_CASE("task_manager_id: a generated one names host and port and is valid") {
  const auto id = TaskManagerId::generate("localhost", 6122);
  CHECK(id.to_string().starts_with("localhost:6122-"));
  CHECK(TaskManagerId::from_string(id.to_string()).value() == id);
  CHECK(TaskManagerId::generate("localhost", 6122) != id);
}

}  // namespace
}  // namespace weir

#include "jobmanager/rest/query_lists.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "tests/support/seed.h"

using namespace weir::jobmanager::rest;

namespace {

weir::http::Query query(const std::string& text) { return weir::http::Query::parse(text).value(); }

std::string repeated(const std::string& item, std::size_t times) {
  std::string text = item;
  for (std::size_t i = 1; i < times; ++i) text += "," + item;
  return text;
}

using Ranges = std::vector<std::pair<int, int>>;

}  // namespace

TEST_CASE("query_lists: items are parted by commas and by repetition, and empty ones are left out") {
  using List = std::optional<std::vector<std::string>>;
  CHECK(list_of(query("other=1"), "get").value() == List());
  CHECK(list_of(query("get="), "get").value() == List(std::vector<std::string>()));
  CHECK(list_of(query("get=a,,b&get=,c,"), "get").value() == List({"a", "b", "c"}));
}

TEST_CASE("query_lists: a list has at most 1000 items, over all its occurrences") {
  CHECK(list_of(query("get=" + repeated("a", 1'000)), "get").ok());
  CHECK(!list_of(query("get=" + repeated("a", 1'001)), "get").ok());
  CHECK(!list_of(query("get=" + repeated("a", 600) + "&get=" + repeated("b", 600)), "get").ok());
  const auto error = list_of(query("get=" + repeated("a", 1'001)), "get").error();
  CHECK(error.code == weir::ErrorCode::invalid_argument);
  CHECK(error.message.find("(get)") != std::string::npos);
  CHECK(!indices_of(query("subtasks=" + repeated("0-32767", 1'001)), "subtasks").ok());
}

TEST_CASE("query_lists: ranges are merged, whatever their order, so that many of them take no more room than one") {
  CHECK(indices_of(query("subtasks=" + repeated("0-32767", 1'000)), "subtasks").value()->ranges() ==
        Ranges{{0, 32'767}});
  CHECK(indices_of(query("subtasks=7,2-4,5,3-3,100"), "subtasks").value()->ranges() ==
        Ranges{{2, 5}, {7, 7}, {100, 100}});
  CHECK(indices_of(query("subtasks="), "subtasks").value()->ranges().empty());
  CHECK(!indices_of(query(""), "subtasks").value().has_value());
}

TEST_CASE("query_lists: what is no range of indices is refused by name") {
  for (const std::string bad :
       {"x", "3-1", "-1", "0-32768", "32768", "1-2-3", "1-", "99999999999", "1 ", "0x1", "1.5"}) {
    CAPTURE(bad);
    const auto indices = indices_of(query("subtasks=" + bad), "subtasks");
    REQUIRE(!indices.ok());
    CHECK(indices.error().message.find("(subtasks)") != std::string::npos);
  }
}

TEST_CASE("query_lists: a set contains what its ranges do") {
  std::mt19937 random(weir::test::seed());
  INFO("WEIR_TEST_SEED=", weir::test::seed());
  for (int round = 0; round < 200; ++round) {
    Ranges ranges;
    std::set<int> expected;
    for (unsigned i = random() % 8; i > 0; --i) {
      const int first = static_cast<int>(random() % 60), last = first + static_cast<int>(random() % 10);
      ranges.emplace_back(first, last);
      for (int index = first; index <= last; ++index) expected.insert(index);
    }
    const IndexSet set(ranges);
    for (int index = -1; index < 80; ++index) CHECK(set.contains(index) == expected.contains(index));
  }
}

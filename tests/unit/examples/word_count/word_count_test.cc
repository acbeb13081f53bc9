#include "examples/word_count/word_count.h"

#include <doctest/doctest.h>
#include <weir/testing.h>

using weir::testing::OperatorHarness;
using word_count::WordCount;

TEST_CASE("word_count: counts each word as it comes, in lower case, whatever stands between") {
  OperatorHarness<std::string, WordCount> harness(word_count::count_words);
  harness.push_all({"To be, or not to be:", "", "that is -- (THAT!)"});
  CHECK(harness.take() ==
        std::vector<WordCount>{
            {"to", 1}, {"be", 1}, {"or", 1}, {"not", 1}, {"to", 2}, {"be", 2}, {"that", 1}, {"is", 1}, {"that", 2}});
}

TEST_CASE("word_count: a restart keeps the counts") {
  OperatorHarness<std::string, WordCount> harness(word_count::count_words);
  harness.push("weir");
  harness.restart();
  harness.push("weir");
  CHECK(harness.take() == std::vector<WordCount>{{"weir", 1}, {"weir", 2}});
}

TEST_CASE("word_count: letters beyond ASCII belong to words") {
  OperatorHarness<std::string, WordCount> harness(word_count::count_words);
  harness.push("größe 中文");
  CHECK(harness.take() == std::vector<WordCount>{{"größe", 1}, {"中文", 1}});
}

#include "taskmanager/state/restored_operator.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "taskmanager/state/operator_snapshot.h"
#include "weir/key_group.h"

using namespace weir;               // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

using Texts = std::vector<std::string>;

/// From how many subtasks to how many.
const std::vector<std::pair<std::uint32_t, std::uint32_t>> kRescales{{1, 1}, {1, 3}, {3, 1}, {2, 4}, {4, 2},
                                                                     {5, 3}, {3, 5}, {3, 3}, {1, 7}, {7, 2}};

RestoredOperator restore(std::vector<OperatorState> states, std::uint32_t subtask, std::uint32_t parallelism) {
  std::vector<RestoredOperator::Piece> pieces;
  for (OperatorState& state : states) {
    auto copy = decode_operator_state(encode_operator_state(state));
    REQUIRE(copy.ok());
    pieces.push_back({std::move(copy).value(), std::nullopt});
  }
  auto made = RestoredOperator::share_out(9, std::move(pieces), {subtask, parallelism});
  REQUIRE(made.ok());
  return std::move(made).value();
}

Texts texts(const std::vector<std::string_view>& views) { return {views.begin(), views.end()}; }

}  // namespace

TEST_CASE("restored operator: every item of a list goes to one subtask, in order, in even parts") {
  for (const auto& [from, to] : kRescales) {
    CAPTURE(from);
    CAPTURE(to);
    std::vector<OperatorState> states(from);
    Texts expected;
    for (std::uint32_t piece = 0; piece < from; ++piece) {
      for (std::uint32_t item = 0; item < 4 + piece; ++item) {
        expected.push_back(std::to_string(piece) + "/" + std::to_string(item));
        if (states[piece].items.empty()) states[piece].items.push_back({"buffer", Redistribution::list, {}});
        states[piece].items[0].items.push_back(expected.back());
      }
    }
    Texts all;
    std::size_t least = SIZE_MAX;
    std::size_t most = 0;
    for (std::uint32_t subtask = 0; subtask < to; ++subtask) {
      const Texts part = texts(restore(states, subtask, to).items("buffer"));
      least = std::min(least, part.size());
      most = std::max(most, part.size());
      all.insert(all.end(), part.begin(), part.end());
    }
    CHECK(all == expected);
    CHECK(most - least <= 1);
  }
}

TEST_CASE("restored operator: every subtask gets all items of a union, and one former subtask's of a broadcast") {
  for (const auto& [from, to] : kRescales) {
    CAPTURE(from);
    CAPTURE(to);
    std::vector<OperatorState> states(from);
    Texts all;
    for (std::uint32_t piece = 0; piece < from; ++piece) {
      all.push_back("of " + std::to_string(piece));
      states[piece].items = {{"seen", Redistribution::union_list, {all.back()}},
                             {"rules", Redistribution::broadcast, {"rule 1", "rule 2"}}};
    }
    for (std::uint32_t subtask = 0; subtask < to; ++subtask) {
      const auto restored = restore(states, subtask, to);
      CHECK(texts(restored.items("seen")) == all);
      CHECK(texts(restored.items("rules")) == Texts{"rule 1", "rule 2"});
      CHECK(restored.items("unknown").empty());
      CHECK(restored.checkpoint_id() == 9);
    }
  }
}

TEST_CASE("restored operator: each position goes to the split's owner, whatever the parallelism was") {
  for (const auto& [from, to] : kRescales) {
    CAPTURE(from);
    CAPTURE(to);
    std::vector<OperatorState> states(from);
    std::map<SplitId, std::string> expected;
    for (const std::string name : {"orders", "payments", "/logs/a.log"}) {
      for (std::uint64_t index = 0; index < 12; ++index) {
        const SplitId split{name, index};
        expected[split] = "at " + std::to_string(index * 7);
        states[owner_of_split(name, index, from)].positions.push_back({split, expected[split]});
      }
    }
    std::map<SplitId, std::string> seen;
    for (std::uint32_t subtask = 0; subtask < to; ++subtask) {
      const auto restored = restore(states, subtask, to);
      for (const auto& [split, position] : restored.positions()) {
        CHECK(owner_of_split(split.name, split.index, to) == subtask);
        CHECK_FALSE(seen.contains(split));
        seen[split] = position;
      }
    }
    CHECK(seen == expected);
  }
}

TEST_CASE("owner of a split: neighbouring parts of one name go to neighbouring subtasks, so that they spread evenly") {
  for (const std::uint32_t parallelism : {1u, 2u, 3u, 8u}) {
    std::map<std::uint32_t, int> parts;
    for (std::uint64_t index = 0; index < 24; ++index) ++parts[owner_of_split("orders", index, parallelism)];
    CHECK(parts.size() == parallelism);
    for (const auto& [subtask, count] : parts) CHECK(count == static_cast<int>(24 / parallelism));
  }
  // Part of the stored format.
  CHECK(owner_of_split("orders", 0, 1000) == (hash_bytes("orders") % 1000));
}

TEST_CASE("restored operator: two positions for one split are damage") {
  std::vector<RestoredOperator::Piece> pieces(2);
  pieces[0].state.positions = {{{"orders", 3}, "10"}};
  pieces[1].state.positions = {{{"orders", 3}, "12"}};
  const auto made = RestoredOperator::share_out(1, std::move(pieces), {0, 1});
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().message == "the snapshot has two positions for split 3 of 'orders'");
}

TEST_CASE("operator state: what is written comes back, and what is cut off or flipped is refused or something else") {
  OperatorState state;
  state.items = {{"a", Redistribution::list, {"1", ""}},
                 {"b", Redistribution::union_list, {}},
                 {"c", Redistribution::broadcast, {std::string(1000, 'x')}}};
  state.positions = {{{"topic", 7}, std::string("\0\1\2", 3)}, {{"", 0}, ""}};
  const std::string good = encode_operator_state(state);
  CHECK(decode_operator_state(good).value() == state);
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(decode_operator_state(good.substr(0, size)).ok());
  CHECK_FALSE(decode_operator_state(good + "x").ok());
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    const auto decoded = decode_operator_state(bad);  // no checksum here: it must only not read beyond its bytes
    if (decoded.ok()) CHECK(encode_operator_state(*decoded).size() <= bad.size() + 8);
  }
}

TEST_CASE(
    "operator snapshot: a state with two redistributions, and a split with two positions, are errors of the code") {
  OperatorSnapshotBuilder builder(4);
  CHECK(builder.checkpoint_id() == 4);
  builder.add_item("a", Redistribution::list, "1");
  CHECK_THROWS_AS(builder.add_item("a", Redistribution::broadcast, "2"), std::logic_error);
  builder.add_position({"t", 1}, "x");
  CHECK_THROWS_AS(builder.add_position({"t", 1}, "y"), std::logic_error);
  const OperatorSnapshot taken = builder.take();
  CHECK(taken.state.items.size() == 1);
  CHECK(taken.state.positions.size() == 1);
}

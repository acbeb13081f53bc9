#include "taskmanager/state/keyed_state_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace weir;               // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

KeyedStateSchema schema(std::string name) {
  KeyedStateSchema made;
  made.name = std::move(name);
  made.key_type = "int64";
  made.value_type = "record Sum{count:int64,total:float64}";
  return made;
}

/// Two states with a few groups; the second one has long runs.
std::string sample() {
  std::string bytes;
  KeyedStateWriter writer([&](std::string_view more) {
    bytes.append(more);
    return Result<void>();
  });
  KeyedStateSchema timers = schema("event timers");
  timers.kind = StateKind::event_timers;
  timers.version = 3;
  timers.namespace_type = "time";
  timers.map_key_type = "string";
  timers.has_expiry = true;
  REQUIRE(writer.begin_state(schema("sum")).ok());
  REQUIRE(writer.write(3, "three").ok());
  REQUIRE(writer.write(3, " and more").ok());
  REQUIRE(writer.write(17, "seventeen").ok());
  REQUIRE(writer.begin_state(timers).ok());
  REQUIRE(writer.write(2, std::string(10'000, 'x')).ok());
  REQUIRE(writer.finish().ok());
  return bytes;
}

/// Notes which bytes were asked for.
class NotingBytes final : public StateBytes {
 public:
  NotingBytes(std::string bytes, std::vector<std::pair<std::uint64_t, std::uint64_t>>& reads)
      : bytes_(std::move(bytes)), reads_(reads) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read(std::uint64_t offset, std::span<char> to) override {
    reads_.emplace_back(offset, offset + to.size());
    std::memcpy(to.data(), bytes_.data() + offset, to.size());
    return {};
  }

 private:
  const std::string bytes_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>>& reads_;
};

Result<KeyedStateReader> open(std::string bytes) {
  return KeyedStateReader::open(std::make_unique<StateBytesInMemory>(std::move(bytes)));
}

/// Everything that is in there, or the first error.
Result<std::string> read_all(std::string bytes) {
  auto reader = open(std::move(bytes));
  if (!reader.ok()) return std::move(reader).error();
  std::string all;
  for (std::size_t state = 0; state < reader->index().states.size(); ++state) {
    for (const KeyGroupPlace& place : reader->index().states[state].groups) {
      all += reader->index().states[state].schema.name + "/" + std::to_string(place.group) + ":";
      auto read = reader->read_group(state, place.group, [&](std::string_view entries) {
        all += entries;
        all += "|";
        return Result<void>();
      });
      if (!read.ok()) return std::move(read).error();
    }
  }
  return all;
}

}  // namespace

TEST_CASE("keyed state file: schemas, groups and runs come back as they were written") {
  auto reader = open(sample());
  REQUIRE(reader.ok());
  REQUIRE(reader->index().states.size() == 2);
  CHECK(reader->index().states[0].schema == schema("sum"));
  const KeyedStateSchema& timers = reader->index().states[1].schema;
  CHECK(timers.kind == StateKind::event_timers);
  CHECK(timers.version == 3);
  CHECK(timers.namespace_type == "time");
  CHECK(timers.map_key_type == "string");
  CHECK(timers.has_expiry);
  CHECK(read_all(sample()).value() ==
        "sum/3:three| and more|sum/17:seventeen|event timers/2:" + std::string(10'000, 'x') + "|");
}

TEST_CASE("keyed state file: a group without entries gives nothing, and a file without states is a file") {
  auto reader = open(sample());
  REQUIRE(reader.ok());
  int runs = 0;
  CHECK(reader->read_group(0, 4, [&](std::string_view) { return ++runs, Result<void>(); }).ok());
  CHECK(runs == 0);
  std::string empty;
  KeyedStateWriter writer([&](std::string_view more) {
    empty.append(more);
    return Result<void>();
  });
  REQUIRE(writer.finish().ok());
  CHECK(read_all(empty).value().empty());
}

TEST_CASE("keyed state file: only the index and the group that is asked for are read") {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> reads;
  const std::string bytes = sample();
  auto reader = KeyedStateReader::open(std::make_unique<NotingBytes>(bytes, reads));
  REQUIRE(reader.ok());
  reads.clear();
  REQUIRE(reader->read_group(0, 17, [](std::string_view) { return Result<void>(); }).ok());
  const KeyGroupPlace& place = reader->index().states[0].groups[1];
  for (const auto& [begin, end] : reads) {
    CHECK(begin >= place.offset);
    CHECK(end <= place.offset + place.length);
  }
}

TEST_CASE("keyed state file: groups that do not ascend, and entries without a state, are refused") {
  KeyedStateWriter writer([](std::string_view) { return Result<void>(); });
  CHECK_FALSE(writer.write(1, "x").ok());
  REQUIRE(writer.begin_state(schema("a")).ok());
  REQUIRE(writer.write(5, "x").ok());
  CHECK_FALSE(writer.write(4, "x").ok());
}

TEST_CASE("keyed state file: what the sink can't take is handed on") {
  KeyedStateWriter writer([](std::string_view) -> Result<void> { return Error::external(ErrorCode::io, "disk full"); });
  const Result<void> begun = writer.begin_state(schema("a"));
  REQUIRE_FALSE(begun.ok());
  CHECK(begun.error().message == "disk full");
}

TEST_CASE("keyed state file: a file that is cut off anywhere is refused") {
  const std::string good = sample();
  for (std::size_t size = 0; size < good.size(); size += size < 200 || size + 400 > good.size() ? 1 : 97) {
    CAPTURE(size);
    CHECK_FALSE(read_all(good.substr(0, size)).ok());
  }
}

TEST_CASE("keyed state file: any flipped bit is found, and nothing is read beyond the bytes") {
  const std::string good = sample();
  const std::string expected = read_all(good).value();
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    std::string bad = good;
    const std::size_t at =
        round < 1000 ? good.size() - 1 - static_cast<std::size_t>(round) % 400 : random() % good.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    CAPTURE(at);
    const auto read = read_all(bad);
    CHECK_FALSE((read.ok() && *read != expected));
    if (at > 16) CHECK_FALSE(read.ok());
  }
}

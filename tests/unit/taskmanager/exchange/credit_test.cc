#include "taskmanager/exchange/credit.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>
#include <random>
#include <vector>

#include "taskmanager/exchange/local_channel.h"
#include "taskmanager/exchange/slot_block_pool.h"
#include "taskmanager/exchange/slot_connections.h"
#include "tests/support/engine_operators.h"
#include "tests/support/seed.h"

using namespace weir;               // NOLINT
using namespace weir::test;         // NOLINT
using namespace weir::taskmanager;  // NOLINT

namespace {

constexpr std::uint32_t kRecordBytesMax = 16u << 20;

/// A block whose only row has so many bytes of text.
Block* block_with(BlockPool& pool, std::uint32_t text_bytes) {
  const RowLayout layout = row_layout();
  Block* const block = pool.take(block_capacity_for(layout.stride, text_bytes));
  block->reset(layout, 0);
  block->rows = 1;
  block->fixed_bytes = layout.stride;
  block->text_bytes = text_bytes;
  return block;
}

std::uint64_t bytes_of(const Block& block) { return std::uint64_t{block.fixed_bytes} + block.text_bytes; }

}  // namespace

TEST_CASE("credit: a block costs what usual blocks hold its bytes, and at most half of a window and one") {
  struct Case {
    std::uint8_t flags;
    std::uint32_t text_bytes;
    std::uint32_t window;
    std::uint32_t credit;
  };
  constexpr std::uint32_t kFits = kBlockCapacity - 24;  // beside the row
  const Case cases[] = {
      {0, 0, 1, 1},
      {0, 0, 16, 1},
      {0, kFits, 16, 1},
      {0, kFits + 1, 16, 2},
      {kBlockTimestamps | kBlockRowKinds, kFits, 16, 2},
      {0, kFits + kBlockCapacity, 16, 2},
      {0, kFits + kBlockCapacity + 1, 16, 3},
      {0, 8 * kBlockCapacity, 16, 9},
      {0, kRecordBytesMax, 16, 9},
      {0, kRecordBytesMax, 5, 3},
      {0, kRecordBytesMax, 2, 2},
      {0, kRecordBytesMax, 1, 1},
      {0, 0xffffffff, 16, 9},
  };
  for (const Case& expected : cases) {
    CAPTURE(expected.text_bytes);
    CAPTURE(expected.window);
    Block block;
    block.flags = expected.flags;
    block.fixed_bytes = 24;
    block.text_bytes = expected.text_bytes;
    CHECK(credit_for(block, expected.window) == expected.credit);
  }
}

TEST_CASE("local_channel: what is on its way is bounded in bytes, also with the largest records") {
  SlotBlockPool pool(8u << 20);
  Waker waker;
  for (const std::uint32_t window : {1u, 2u, 5u, 16u}) {
    CAPTURE(window);
    const auto channel = std::make_shared<LocalChannel>(window, waker, waker);
    std::uint64_t bytes = 0;
    int blocks = 0;
    for (;; ++blocks) {
      Block* const block = block_with(pool, kRecordBytesMax);
      if (!channel->push(Element::rows(block))) {
        pool.give(block);
        break;
      }
      bytes += bytes_of(*block);
    }
    CHECK(blocks == 1);
    CHECK(bytes <= std::uint64_t{window} * kBlockCapacity + kRecordBytesMax + 24);
    CHECK(channel->fill().blocks <= window);
    Element element;
    REQUIRE(channel->pop(element));
    drop(element);
    CHECK(channel->fill().blocks == 0);
    Block* const next = block_with(pool, kRecordBytesMax);
    CHECK(channel->push(Element::rows(next)));
  }
  CHECK(pool.usage().used == 0);
}

TEST_CASE("local_channel: blocks of any sizes get through a window of any size, in order and within its bytes") {
  CAPTURE(seed());
  std::mt19937 random(seed());
  for (int round = 0; round < 40; ++round) {
    SlotBlockPool pool(8u << 20);
    Waker waker;
    const auto window = static_cast<std::uint32_t>(1 + random() % 16);
    const auto channel = std::make_shared<LocalChannel>(window, waker, waker);
    std::uint64_t on_its_way = 0;
    std::uint64_t largest = 0;
    std::vector<std::uint32_t> sent;
    std::size_t seen = 0;
    Block* waiting = nullptr;
    while (seen < 200) {
      if (waiting == nullptr && sent.size() < 200) {
        const auto text_bytes = static_cast<std::uint32_t>(random() % 3 == 0 ? random() % 1'000'000 : random() % 1000);
        waiting = block_with(pool, text_bytes);
        largest = std::max(largest, bytes_of(*waiting));
        sent.push_back(text_bytes);
      }
      const bool is_pushed = waiting != nullptr && channel->push(Element::rows(waiting));
      if (is_pushed) on_its_way += bytes_of(*std::exchange(waiting, nullptr));
      CHECK(on_its_way <= std::uint64_t{window} * kBlockCapacity + largest);
      if (is_pushed && random() % 2 == 0) continue;
      Element element;
      REQUIRE(channel->pop(element));  // else it is stuck
      CHECK(element.block->text_bytes == sent[seen++]);
      on_its_way -= bytes_of(*element.block);
      drop(element);
    }
    CHECK(pool.usage().used == 0);
  }
}

namespace {

/// Both ends of a channel between processes, without the wire between them: the producer's end of one slot, the
/// consumer's of another.
struct RemoteEnds {
  explicit RemoteEnds(std::uint32_t window) {
    int sockets[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
    peer = UniqueFd(sockets[1]);
    accepted = std::make_unique<AcceptedLink>(settings, UniqueFd(sockets[0]), poller, pool, producers, INT64_MAX);
    output = std::make_unique<RemoteOutput>(producers, RemoteOutput::Facts{.failure = failure});
    output->open(*accepted, 1, window);
    input = std::make_unique<RemoteInput>(
        dialled, RemoteInput::Facts{
                     .layout = row_layout(), .window = window, .signals = signals, .index = 0, .failure = failure});
  }
  ~RemoteEnds() {
    output.reset();
    input.reset();
  }

  DataConnection::Settings settings;
  SlotBlockPool pool{8u << 20};
  Poller poller;
  Waker waker;
  HostResolver resolver;
  ProducerLinks producers{{.connection = settings, .prove_timeout_us = 1, .unproven_max = 1}, poller, pool};
  ConsumerLinks consumers{{.connection = settings, .connect_timeout_us = 1}, poller, pool, waker, resolver};
  DialledLink dialled{consumers, {"127.0.0.1", 0, 0}};
  std::shared_ptr<FirstFailure> failure = std::make_shared<FirstFailure>();
  std::shared_ptr<GateSignals> signals = std::make_shared<GateSignals>(1);
  UniqueFd peer;
  std::unique_ptr<AcceptedLink> accepted;
  std::unique_ptr<RemoteOutput> output;
  std::unique_ptr<RemoteInput> input;
};

}  // namespace

TEST_CASE("remote_output: sends what the consumer's window holds in bytes, and no more before it is granted more") {
  for (const std::uint32_t text_bytes : {0u, 100'000u, kRecordBytesMax}) {
    CAPTURE(text_bytes);
    RemoteEnds ends(16);
    const auto push = [&] {
      Block* const block = block_with(ends.pool, text_bytes);
      if (ends.output->push(Element::rows(block))) return true;
      ends.pool.give(block);
      return false;
    };
    Block* const probe = block_with(ends.pool, text_bytes);
    const std::uint32_t cost = credit_for(*probe, 16);
    ends.pool.give(probe);
    std::uint32_t blocks = 0;
    while (push()) ++blocks;
    CHECK(blocks == 16 / cost);
    ends.output->grant(cost);
    CHECK(push());
    CHECK(!push());
  }
}

TEST_CASE("remote_input: takes what its window holds in bytes; more is a violation") {
  for (const std::uint32_t text_bytes : {0u, 100'000u, kRecordBytesMax}) {
    CAPTURE(text_bytes);
    RemoteEnds ends(16);
    REQUIRE(ends.input->open().ok());
    Block* block = block_with(ends.pool, text_bytes);
    const std::uint32_t cost = credit_for(*block, 16);
    std::uint32_t blocks = 0;
    while (ends.input->take(block).ok()) {
      ++blocks;
      block = block_with(ends.pool, text_bytes);
    }
    CHECK(blocks == 16 / cost);
    CHECK(ends.input->fill().blocks == blocks * cost);
  }
}

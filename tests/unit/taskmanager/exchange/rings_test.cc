#include <doctest/doctest.h>

#include <thread>

#include "taskmanager/exchange/growing_queue.h"
#include "taskmanager/exchange/input_gate.h"
#include "taskmanager/exchange/local_channel.h"
#include "taskmanager/exchange/output_partition.h"
#include "taskmanager/exchange/slot_block_pool.h"
#include "taskmanager/exchange/spsc_ring.h"

using namespace weir;               // NOLINT
using namespace weir::taskmanager;  // NOLINT

TEST_CASE("spsc_ring: holds its limit, whatever the power of two above it, and keeps order") {
  for (const std::uint32_t limit : {1u, 3u, 4u, 7u}) {
    SpscRing<int> ring(limit);
    for (int round = 0; round < 3; ++round) {
      for (std::uint32_t entry = 0; entry < limit; ++entry) CHECK(ring.push(static_cast<int>(entry)));
      CHECK(!ring.push(99));
      CHECK(ring.count() == limit);
      int entry = 0;
      for (std::uint32_t expected = 0; expected < limit; ++expected) {
        CHECK(ring.pop(entry));
        CHECK(entry == static_cast<int>(expected));
      }
      CHECK(!ring.pop(entry));
    }
  }
}

TEST_CASE("spsc_ring: between two threads nothing is lost or out of order") {
  SpscRing<std::uint64_t> ring(5);
  constexpr std::uint64_t kCount = 200'000;
  std::thread producer([&] {
    for (std::uint64_t entry = 0; entry < kCount;)
      if (ring.push(entry)) {
        ++entry;
      } else {
        std::this_thread::yield();
      }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t expected = 0; expected < kCount;) {
    std::uint64_t entry = 0;
    if (!ring.pop(entry)) {
      std::this_thread::yield();
      continue;
    }
    wrong += entry != expected++;
  }
  producer.join();
  CHECK(wrong == 0);
}

TEST_CASE("growing_queue: keeps order while it grows and wraps") {
  GrowingQueue<int> queue;
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 100; ++round) {
    for (int count = 0; count < round % 13; ++count) queue.push_back(next_in++);
    for (int count = 0; count < round % 11 && !queue.empty(); ++count) {
      CHECK(queue.front() == next_out++);
      queue.pop_front();
    }
  }
  for (std::size_t index = 0; index < queue.size(); ++index) CHECK(queue[index] == next_out + static_cast<int>(index));
  CHECK(queue.size() == static_cast<std::size_t>(next_in - next_out));
}

TEST_CASE("local_channel: what came before the gate was there is found by its first look") {
  Waker waker;
  const auto channel = std::make_shared<LocalChannel>(4, waker, waker);
  CHECK(channel->push(Element::watermark(7)));
  const auto signals = std::make_shared<GateSignals>(1);
  channel->attach(signals, 0);
  std::vector<std::unique_ptr<InputChannel>> channels;
  channels.push_back(std::make_unique<LocalInput>(channel));
  InputGate gate(std::move(channels), signals, std::make_shared<FirstFailure>());
  CHECK(!gate.is_connected());
  channel->connect();
  CHECK(gate.is_connected());
  Element element;
  std::uint32_t index = 9;
  REQUIRE(gate.next(element, index));
  CHECK(element.value == 7);
  CHECK(index == 0);
  CHECK(!gate.next(element, index));
  CHECK(channel->push(Element::end_of_partition()));
  CHECK(!channel->is_end_taken());
  REQUIRE(gate.next(element, index));
  CHECK(channel->is_end_taken());
}

TEST_CASE("local_channel: blocks that nobody took go home when the channel goes") {
  SlotBlockPool pool(8u << 20);
  Waker waker;
  {
    const auto channel = std::make_shared<LocalChannel>(4, waker, waker);
    for (int index = 0; index < 3; ++index) CHECK(channel->push(Element::rows(pool.take(kBlockCapacity))));
  }
  CHECK(pool.usage().used == 0);
}

TEST_CASE("input_gate: channels are read in turn, however many there are, and a full one starves nobody") {
  constexpr std::uint32_t kChannels = 130;
  Waker waker;
  const auto signals = std::make_shared<GateSignals>(kChannels);
  std::vector<std::shared_ptr<LocalChannel>> channels;
  std::vector<std::unique_ptr<InputChannel>> inputs;
  for (std::uint32_t index = 0; index < kChannels; ++index) {
    channels.push_back(std::make_shared<LocalChannel>(8, waker, waker));
    channels.back()->attach(signals, index);
    inputs.push_back(std::make_unique<LocalInput>(channels.back()));
  }
  InputGate gate(std::move(inputs), signals, std::make_shared<FirstFailure>());
  for (int round = 0; round < 4; ++round)
    for (auto& channel : channels) CHECK(channel->push(Element::watermark(round)));
  std::vector<int> seen(kChannels);
  Element element;
  std::uint32_t index = 0;
  for (int round = 0; round < 4; ++round)
    for (std::uint32_t expected = 0; expected < kChannels; ++expected) {
      REQUIRE(gate.next(element, index));
      CHECK(index == expected);
      CHECK(element.value == seen[index]++);
    }
  CHECK(!gate.next(element, index));
}

TEST_CASE("output_partition: what a full channel does not take waits in order; waiting watermarks become one") {
  SlotBlockPool pool(8u << 20);
  Waker waker;
  const auto channel = std::make_shared<LocalChannel>(2, waker, waker);
  std::vector<std::unique_ptr<OutputChannel>> channels;
  channels.push_back(std::make_unique<LocalOutput>(channel));
  OutputPartition partition(std::move(channels), std::make_shared<FirstFailure>());
  for (std::uint32_t rows = 1; rows <= 3; ++rows) {
    Block* const block = pool.take(kBlockCapacity);
    block->rows = rows;
    partition.push(0, Element::rows(block));
  }
  CHECK(partition.is_blocked());
  partition.push(0, Element::watermark(5));
  partition.push(0, Element::watermark(6));
  partition.push(0, Element::end_of_partition());
  CHECK(!partition.retry());
  std::vector<std::int64_t> seen;
  for (Element element; channel->pop(element) || partition.retry();) {
    if (element.kind == ElementKind::block && element.block != nullptr) seen.push_back(element.block->rows);
    if (element.kind == ElementKind::watermark) seen.push_back(element.value * 100);
    drop(std::exchange(element, Element::watermark(-1)));
    element = Element{};
    element.kind = ElementKind::end_of_partition;
  }
  CHECK(seen == std::vector<std::int64_t>{1, 2, 3, 600});
  CHECK(partition.is_done());
  CHECK(pool.usage().used == 0);
}

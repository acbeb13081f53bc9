// The Kafka source and sink against a real broker.
#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/kafka_broker.h"
#include "tests/unit/connectors/kafka/kafka_running.h"
#include "weir/connectors/kafka.h"

using namespace weir;
using namespace weir::connectors;
using namespace weir::connectors::test;
using weir::test::KafkaBroker;

namespace {

KafkaBroker& broker() {
  static KafkaBroker broker;
  return broker;
}

KafkaSource<Item> source(const std::string& topic) { return {broker().address(), topic, json_format()}; }
KafkaSink<Item> sink(const std::string& topic) { return {broker().address(), topic, json_format()}; }

}  // namespace

TEST_CASE("kafka: what a sink sends, sources of any parallelism read once") {
  const std::string topic = broker().create_topic("once", 5);
  REQUIRE(send(sink(topic), items(0, 20'000)) == "");
  for (const std::uint32_t subtasks : {1u, 2u, 7u}) {
    std::vector<Item> all;
    for (std::uint32_t subtask = 0; subtask < subtasks; ++subtask) {
      Running<Item> reading(source(topic).stop_at_end(), subtask, subtasks);
      reading.to_end();
      CHECK(reading.error == "");
      CHECK(reading.finished);
      for (Item& item : reading.records) all.push_back(std::move(item));
      for (const std::int64_t time : reading.times()) REQUIRE(time > 1'600'000'000'000);
    }
    CAPTURE(subtasks);
    CHECK(sorted(all) == items(0, 20'000));
  }
}

TEST_CASE("kafka: keys and values are what Kafka's own consumer reads, and one key stays in one partition, in order") {
  const std::string topic = broker().create_topic("keys", 3);
  auto keyed = sink(topic);
  keyed.key([](const Item& item, std::string& key) { key = "key" + std::to_string(item.id % 4); });
  keyed.headers([](const Item&, std::vector<std::pair<std::string, std::string>>& headers) {
    headers.emplace_back("origin", "test");
  });
  REQUIRE(send(keyed, items(0, 100)) == "");
  const std::string printed = broker().consume(topic, 100);
  CHECK(printed.find("key3\t{\"id\":99,\"name\":\"item 99\"}") != std::string::npos);
  for (std::int64_t key = 0; key < 4; ++key) {
    std::size_t at = 0;
    for (std::int64_t id = key; id < 100; id += 4) {
      at = printed.find("key" + std::to_string(key) + "\t{\"id\":" + std::to_string(id) + ",", at);
      REQUIRE(at != std::string::npos);
    }
  }
}

TEST_CASE("kafka: a source starts where it is told") {
  const std::string topic = broker().create_topic("starts", 1);
  REQUIRE(send(sink(topic), items(0, 100)) == "");
  std::this_thread::sleep_for(
      std::chrono::milliseconds(20));  // the clock that the next message's time comes from moves on
  const auto between = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  REQUIRE(send(sink(topic), items(100, 150)) == "");
  const auto read = [&](KafkaStart start) {
    Running<Item> reading(source(topic).start(std::move(start)).stop_at_end(), 0, 1);
    reading.to_end();
    CHECK(reading.error == "");
    return reading.records;
  };
  CHECK(read(KafkaStart::earliest()) == items(0, 150));
  CHECK(read(KafkaStart::latest()).empty());
  CHECK(read(KafkaStart::at(between)) == items(100, 150));
  CHECK(read(KafkaStart::at(between + std::chrono::hours(1))).empty());
  CHECK(read(KafkaStart::at(std::map<std::int32_t, std::int64_t>{{0, 140}})) == items(140, 150));
  Running<Item> beyond(source(topic).start(KafkaStart::at(std::map<std::int32_t, std::int64_t>{{0, 500}})), 0, 1);
  CHECK(beyond.to_end().error.find("starts-0 cannot be read from offset 500: it holds offsets 0 to 150") == 0);
}

TEST_CASE("kafka: a group's offset shows how far a source is, and another source can start there") {
  const std::string topic = broker().create_topic("groups", 2);
  REQUIRE(send(sink(topic), items(0, 1000)) == "");
  Running<Item> first(source(topic).group("watched").stop_at_end(), 0, 1);
  CHECK(first.to_end().records.size() == 1000);
  REQUIRE(send(sink(topic), items(1000, 1100)) == "");
  Running<Item> second(source(topic).group("watched").start(KafkaStart::committed()).stop_at_end(), 0, 1);
  CHECK(sorted(second.to_end().records) == items(1000, 1100));
  Running<Item> other(source(topic).group("nobody").start(KafkaStart::committed()).stop_at_end(), 0, 1);
  CHECK(other.to_end().records.size() == 1100);
}

TEST_CASE("kafka: a bounded source ends at the end as it was, an unbounded one is woken by its descriptor") {
  const std::string topic = broker().create_topic("wakes", 1);
  REQUIRE(send(sink(topic), items(0, 10)) == "");
  Running<Item> endless(source(topic), 0, 1);
  REQUIRE(endless.until(10).records.size() == 10);
  endless.until(11, std::chrono::seconds(1));  // until it waits
  REQUIRE(endless.last.kind == Progress::Kind::blocked);
  std::thread later([&] { CHECK(send(sink(topic), items(10, 11)) == ""); });
  pollfd fd{.fd = endless.last.wake_fd, .events = POLLIN, .revents = 0};
  CHECK(::poll(&fd, 1, 10'000) == 1);
  later.join();
  CHECK(endless.until(11).records == items(0, 11));
  Running<Item> bounded(source(topic).stop_at_end(), 0, 1);
  CHECK(bounded.to_end().records == items(0, 11));
}

TEST_CASE("kafka: a source that is held to a rate takes the time that its records need") {
  const std::string topic = broker().create_topic("slowly", 1);
  REQUIRE(send(sink(topic), items(0, 2000)) == "");
  const auto began = steady_clock::now();
  Running<Item> reading(source(topic).max_rate(2000).stop_at_end(), 0, 2);
  Running<Item> other(source(topic).max_rate(2000).stop_at_end(), 1, 2);
  const std::size_t count = reading.to_end().records.size() + other.to_end().records.size();
  CHECK(count == 2000);
  // One subtask owns the only partition: it may read 1,000 a second, and save up a second's worth.
  CHECK(steady_clock::now() - began > std::chrono::milliseconds(900));
}

TEST_CASE("kafka: a restored source goes on behind what it had read") {
  const std::string topic = broker().create_topic("restores", 3);
  REQUIRE(send(sink(topic), items(0, 6000)) == "");
  std::string state;
  std::vector<Item> all;
  {
    Running<Item> first(source(topic), 0, 1);
    first.until(1500);
    CHECK(first.records.size() < 6000);
    all = first.records;
    state = first.state();
  }
  Running<Item> second(source(topic).start(KafkaStart::latest()).stop_at_end(), 0, 1, state);
  CHECK(second.to_end().error == "");
  all.insert(all.end(), second.records.begin(), second.records.end());
  CHECK(sorted(all) == items(0, 6000));
}

TEST_CASE("kafka: a topic made anew under a source's state is noticed") {
  const std::string topic = broker().create_topic("anew", 1);
  REQUIRE(send(sink(topic), items(0, 100)) == "");
  std::string state;
  {
    Running<Item> first(source(topic), 0, 1);
    REQUIRE(first.until(100).records.size() == 100);
    state = first.state();
  }
  broker().delete_topic(topic);
  broker().create_topic(topic, 1);
  REQUIRE(send(sink(topic), items(0, 10)) == "");
  Running<Item> second(source(topic), 0, 1, state);
  CHECK(second.to_end().error.find("anew-0 cannot be read from offset 100: it holds offsets 0 to 10") == 0);
}

TEST_CASE("kafka: a topic deleted while it is read fails the source with its name, and the source ends at once") {
  const std::string topic = broker().create_topic("deleted", 2);
  REQUIRE(send(sink(topic), items(0, 100)) == "");
  std::string error;
  steady_clock::time_point noticed;
  {
    Running<Item> reading(source(topic), 0, 1);
    REQUIRE(reading.until(100).records.size() == 100);
    reading.until(101, std::chrono::seconds(1));  // until it waits
    broker().delete_topic(topic);
    error = reading.to_end().error;
    noticed = steady_clock::now();
  }
  CHECK(error == "the Kafka topic 'deleted' is gone while it is being read");
  CHECK(steady_clock::now() - noticed < std::chrono::seconds(5));
}

TEST_CASE("kafka: partitions that are added are found and read from their beginning by the subtask that owns them") {
  const std::string topic = broker().create_topic("grows", 1);
  REQUIRE(send(sink(topic), items(0, 100)) == "");
  const auto growing = [&] { return source(topic).partition_discovery_interval(std::chrono::milliseconds(200)); };
  Running<Item> first(growing(), 0, 2);
  Running<Item> second(growing(), 1, 2);
  for (int round = 0; round < 30 && first.records.size() + second.records.size() < 100; ++round) {
    first.until(100, std::chrono::seconds(1));
    second.until(100, std::chrono::seconds(1));
  }
  REQUIRE(first.records.size() + second.records.size() == 100);
  broker().grow_topic(topic, 4);
  auto spread = sink(topic);
  spread.key([](const Item& item, std::string& key) { key = std::to_string(item.id); });
  REQUIRE(send(spread, items(100, 4100)) == "");
  std::vector<Item> all;
  for (const auto deadline = steady_clock::now() + std::chrono::seconds(30);
       all.size() < 4100 && steady_clock::now() < deadline;) {
    first.until(first.records.size() + 1, std::chrono::seconds(1));
    second.until(second.records.size() + 1, std::chrono::seconds(1));
    all = first.records;
    all.insert(all.end(), second.records.begin(), second.records.end());
  }
  CHECK(first.error + second.error == "");
  CHECK(!first.records.empty());
  CHECK(!second.records.empty());
  CHECK(sorted(all) == items(0, 4100));
}

TEST_CASE("kafka: a topic deleted while it is written fails the sink with its name, and the sink ends at once") {
  const std::string topic = broker().create_topic("unwritten", 2);
  std::string error;
  steady_clock::time_point noticed;
  {
    Writing<Item> writing(sink(topic));
    std::int64_t next = 0;
    for (const auto deadline = steady_clock::now() + std::chrono::seconds(30);
         writing.error.empty() && steady_clock::now() < deadline; next += 10) {
      writing.feed(items(next, next + 10));
      if (next == 200) broker().delete_topic(topic);
      if (writing.step(deadline))
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // a job's pace, not a wait for something
    }
    noticed = steady_clock::now();
    error = writing.error;
  }
  CHECK(error == "the Kafka topic 'unwritten' is gone while it is being written");
  CHECK(steady_clock::now() - noticed < std::chrono::seconds(5));
}

TEST_CASE("kafka: a bad message fails the task, or is set aside with its place and bytes") {
  const std::string topic = broker().create_topic("bad", 1);
  KafkaSink<std::string> raw(broker().address(), topic, raw_format());
  REQUIRE(send(raw, {R"({"id":1,"name":"a"})", "{\"id\":", R"({"id":2,"name":"b"})"}) == "");
  Running<Item> failing(source(topic).stop_at_end(), 0, 1);
  CHECK(failing.to_end().error.find("bad record at bad-0@1: the JSON is malformed") == 0);
  Running<Item> aside(source(topic).stop_at_end().on_bad_record(OnBadRecord::dead_letter), 0, 1);
  CHECK(aside.to_end().records == std::vector<Item>{{1, "a"}, {2, "b"}});
  REQUIRE(aside.bad().size() == 1);
  CHECK(aside.bad()[0].place == "bad-0@1");
  CHECK(aside.bad()[0].bytes == "{\"id\":");
}

TEST_CASE("kafka: a message that is too large for the broker fails the sink with the reason") {
  const std::string topic = broker().create_topic("large", 1);
  auto large = sink(topic);
  large.properties({{"message.max.bytes", "8000000"}});
  const std::string error = send(large, {{1, std::string(3'000'000, 'x')}});
  CHECK(error.find("Kafka did not take a message for 'large': ") == 0);
  CHECK(error.find("Message size too large") != std::string::npos);
}

TEST_CASE("kafka: more than the client's queue holds is sent all the same") {
  const std::string topic = broker().create_topic("queue", 2);
  auto narrow = sink(topic);
  narrow.properties({{"queue.buffering.max.messages", "100"}});
  REQUIRE(send(narrow, items(0, 5000)) == "");
  Running<Item> reading(source(topic).stop_at_end(), 0, 1);
  CHECK(sorted(reading.to_end().records) == items(0, 5000));
}

TEST_CASE("kafka: an absent topic and an absent broker are one sentence each") {
  Running<Item> no_topic(source("nowhere"), 0, 1);
  CHECK(no_topic.to_end().error ==
        "Kafka at " + broker().address() + " has no topic 'nowhere': create it first, or correct the name");
  CHECK(send(sink("nowhere"), items(0, 1)) == no_topic.error);
  KafkaSource<Item> lost("127.0.0.1:1", "orders", json_format());
  lost.connect_timeout(std::chrono::milliseconds(600));
  Running<Item> no_broker(lost, 0, 1);
  CHECK(no_broker.to_end().error.find("no Kafka broker answers at 127.0.0.1:1: ") == 0);
  CHECK(no_broker.error.find("Connection refused") != std::string::npos);
}

TEST_CASE("kafka: a start that is given up ends at once") {
  KafkaSource<Item> lost("127.0.0.1:1", "orders", json_format());
  lost.connect_timeout(std::chrono::seconds(60));
  const auto began = steady_clock::now();
  { Running<Item> reading(lost, 0, 1); }
  CHECK(steady_clock::now() - began < std::chrono::seconds(5));
}

TEST_CASE("kafka: a broker that dies and returns loses nothing that was sent and nothing that is read") {
  const std::string topic = broker().create_topic("returns", 2);
  REQUIRE(send(sink(topic), items(0, 1000)) == "");
  Running<Item> reading(source(topic), 0, 1);
  REQUIRE(reading.until(1000).records.size() == 1000);
  broker().kill();
  std::string sent = "not run";
  auto patient = sink(topic);
  patient.connect_timeout(std::chrono::seconds(60));
  std::thread sender([&] { sent = send(patient, items(1000, 3000), std::chrono::seconds(60)); });
  reading.until(1001, std::chrono::seconds(1));
  broker().start();
  reading.until(3000, std::chrono::seconds(60));
  sender.join();
  CHECK(sent == "");
  CHECK(reading.error == "");
  std::vector<Item> all = sorted(reading.records);
  CHECK(all == items(0, 3000));
}

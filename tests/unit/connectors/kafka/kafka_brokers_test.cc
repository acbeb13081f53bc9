// The Kafka source and sink while brokers go, of a cluster of two.
#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <string>
#include <thread>

#include "connectors/kafka/client.h"
#include "tests/support/kafka_broker.h"
#include "tests/unit/connectors/kafka/kafka_running.h"
#include "weir/connectors/kafka.h"

using namespace weir;
using namespace weir::connectors;
using namespace weir::connectors::test;
using weir::test::KafkaBroker;

TEST_CASE(
    "kafka brokers: when a partition's leader dies while it is read and written, its follower takes over and nothing "
    "is lost") {
  KafkaBroker first;  // keeps the cluster's metadata: it stays
  KafkaBroker second("--join " + first.folder());
  const std::string topic = first.create_topic("moves", std::vector<std::vector<int>>{{2, 1}, {1, 2}});
  const std::string both = first.address() + "," + second.address();
  KafkaSink<Item> sink(both, topic, json_format());
  sink.key([](const Item& item, std::string& key) { key = std::to_string(item.id); });
  Running<Item> reading(KafkaSource<Item>(both, topic, json_format()), 0, 1);
  Writing<Item> writing(sink);
  writing.feed(items(0, 1000));
  writing.settle(std::chrono::seconds(20));
  REQUIRE(reading.until(1000).records.size() == 1000);
  second.kill();
  writing.feed(items(1000, 3000));
  reading.until(3000, std::chrono::seconds(1));
  writing.finish();
  writing.settle(std::chrono::seconds(60));
  CHECK(writing.error == "");
  reading.until(3000, std::chrono::seconds(60));
  CHECK(reading.error == "");
  CHECK(sorted(reading.records) == items(0, 3000));
  second.start();
  CHECK(send(sink, items(3000, 3500)) == "");
  reading.until(3500, std::chrono::seconds(60));
  CHECK(reading.error == "");
  CHECK(sorted(reading.records) == items(0, 3500));
}

TEST_CASE(
    "kafka brokers: a sink whose broker stays away for longer than delivery.timeout.ms fails and says what is not "
    "acknowledged") {
  KafkaBroker broker;
  const std::string topic = broker.create_topic("unacknowledged", 1);
  KafkaSink<Item> sink(broker.address(), topic, json_format());
  sink.properties({{"delivery.timeout.ms", "3000"}});
  std::string error;
  const auto ends = steady_clock::now() + std::chrono::seconds(60);
  {
    Writing<Item> writing(sink);
    writing.feed(items(0, 100));
    while (writing.error.empty() && !writing.step(ends)) {
    }
    REQUIRE(writing.error == "");
    broker.kill();
    writing.feed(items(100, 200));
    writing.finish();
    writing.settle(std::chrono::seconds(30));
    error = writing.error;
  }
  CHECK(error ==
        "Kafka has not acknowledged messages for 'unacknowledged' within delivery.timeout.ms (3000 ms): the job fails, "
        "so that they are not lost unnoticed");
}

TEST_CASE("kafka brokers: a flush of a sink whose broker is gone fails instead of telling that all is safe") {
  KafkaBroker broker;
  const std::string topic = broker.create_topic("unflushed", 1);
  KafkaSink<Item> sink(broker.address(), topic, json_format());
  sink.properties({{"delivery.timeout.ms", "2000"}});
  Writing<Item> writing(sink);
  writing.feed(items(0, 100));
  CHECK(writing.flush() == "");
  broker.kill();
  writing.feed(items(100, 200));
  CHECK(writing.flush().find(
            "Kafka has not acknowledged messages for 'unflushed' within delivery.timeout.ms (2000 ms)") == 0);
}

TEST_CASE("kafka brokers: a client that does not end is left behind after five seconds") {
  KafkaBroker broker;
  const std::string topic = broker.create_topic("held", 1);
  REQUIRE(send(KafkaSink<Item>(broker.address(), topic, json_format()), items(0, 1)) == "");
  auto client = KafkaClient::create(KafkaRole::consumer, {.brokers = broker.address(), .properties = {}}, {}, {});
  REQUIRE(client.ok());
  const auto handle = (*client)->topic(topic);
  REQUIRE(handle.ok());
  REQUIRE(rd_kafka_consume_start_queue(*handle, 0, 0, (*client)->queue()) == 0);
  rd_kafka_message_t* message = nullptr;
  REQUIRE(rd_kafka_consume_batch_queue((*client)->queue(), 20'000, &message, 1) == 1);
  const auto began = steady_clock::now();
  client->reset();  // librdkafka waits for the message to be given back
  const auto took = steady_clock::now() - began;
  CHECK(took > std::chrono::milliseconds(4900));
  CHECK(took < std::chrono::seconds(10));
  rd_kafka_message_destroy(message);
}

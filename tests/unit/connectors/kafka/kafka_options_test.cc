#include <doctest/doctest.h>

#include <string>

#include "tests/support/fake_operator_context.h"
#include "tests/support/saved_state.h"
#include "weir/connectors/kafka.h"

using namespace weir;
using namespace weir::connectors;

namespace {

struct Item {
  std::int64_t id = 0;
};

KafkaSource<Item> source(const std::string& topic) { return {"127.0.0.1:9092", topic, json_format()}; }

}  // namespace

TEST_CASE("kafka options: names of topics are Kafka's") {
  CHECK_NOTHROW(source("a.B_c-9"));
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a b"),
                                  std::string("a/b"), std::string("ä"), std::string(250, 'a')}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(source(name), doctest::Contains("is no name of a Kafka topic"));
    CHECK_THROWS_WITH(KafkaSink<Item>("h:1", name, json_format()), doctest::Contains("is no name of a Kafka topic"));
  }
}

TEST_CASE("kafka options: a property must be known to the client, of its type, and not Weir's own") {
  CHECK_NOTHROW(source("t").properties(
      {{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", "PLAIN"}, {"fetch.min.bytes", "1000"}}));
  CHECK_THROWS_WITH(
      source("t").properties({{"fetch.min.byte", "1000"}}),
      doctest::Contains("the Kafka property fetch.min.byte cannot be used: No such configuration property"));
  CHECK_THROWS_WITH(source("t").properties({{"fetch.min.bytes", "many"}}),
                    doctest::Contains("the Kafka property fetch.min.bytes cannot be used"));
  for (const char* own : {"enable.auto.commit", "auto.offset.reset", "bootstrap.servers", "enable.partition.eof"}) {
    CAPTURE(own);
    CHECK_THROWS_WITH(source("t").properties({{own, "x"}}), doctest::Contains("is Weir's own and cannot be set"));
  }
  CHECK_THROWS_WITH(KafkaSink<Item>("h:1", "t", json_format()).properties({{"acks", "1"}}),
                    doctest::Contains("is Weir's own and cannot be set"));
}

TEST_CASE("kafka options: brokers and the group of a group start must be given") {
  CHECK_THROWS_WITH(KafkaSource<Item>("", "t", json_format()), doctest::Contains("no Kafka brokers are given"));
  CHECK_THROWS_WITH(source("t").start(KafkaStart::committed()).make_reader(),
                    doctest::Contains("the group must be named"));
  CHECK_NOTHROW(source("t").start(KafkaStart::committed()).group("g").make_reader());
}

TEST_CASE("kafka options: a source is bounded when it is told to stop at the end, and its name lists its topics") {
  CHECK_FALSE(source("t").bounded());
  CHECK(source("t").stop_at_end().bounded());
  CHECK(source("a").topic("b").name() == "Kafka: a, b");
}

TEST_CASE("kafka options: a rate is a positive number") {
  CHECK_NOTHROW(source("t").max_rate(0.5));
  for (const double rate : {0.0, -1.0, 1e308 * 10})
    CHECK_THROWS_WITH(source("t").max_rate(rate), doctest::Contains("must be a positive number of records a second"));
}

TEST_CASE("kafka options: a position that is cut off is refused") {
  taskmanager::OperatorState state;
  ByteWriter offset;
  offset.put(std::int64_t{5});
  for (std::size_t size = 0; size < offset.size(); ++size) {
    state.positions = {{{"t", 0}, std::string(offset.view().substr(0, size))}};
    auto restored = weir::test::restored_from({taskmanager::encode_operator_state(state)});
    weir::test::FakeOperatorContext context;
    context.restored_state = &restored;
    const auto reader = source("t").make_reader();
    const Result<void> opened = reader->open(context);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().message == "the Kafka source's state is damaged");
    reader->close();
  }
}

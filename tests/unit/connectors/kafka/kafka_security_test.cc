// The Kafka source and sink against a broker that asks who they are.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "tests/support/kafka_broker.h"
#include "tests/unit/connectors/kafka/kafka_running.h"
#include "weir/connectors/kafka.h"

using namespace weir;
using namespace weir::connectors;
using namespace weir::connectors::test;
using weir::test::KafkaBroker;

namespace {

KafkaBroker& broker() {
  static KafkaBroker broker("--secure");
  return broker;
}

KafkaProperties sasl(const std::string& protocol, const std::string& mechanism,
                     const std::string& password = "weir-secret") {
  KafkaProperties properties{{"security.protocol", protocol},
                             {"sasl.mechanism", mechanism},
                             {"sasl.username", "weir"},
                             {"sasl.password", password}};
  if (protocol == "SASL_SSL") properties["ssl.ca.location"] = broker().tls_file("ca.pem");
  return properties;
}

KafkaProperties tls(const std::string& authority) {
  return {{"security.protocol", "SSL"}, {"ssl.ca.location", broker().tls_file(authority)}};
}

KafkaProperties with_certificate() {
  KafkaProperties properties = tls("ca.pem");
  properties["ssl.certificate.location"] = broker().tls_file("client.pem");
  properties["ssl.key.location"] = broker().tls_file("client-key.pem");
  return properties;
}

/// What a source says that cannot begin; empty when it reads an empty topic to its end.
struct Refusal {
  std::string source;
  std::string sink;
  std::chrono::milliseconds took{0};
};

Refusal try_all(const std::string& listener, const std::string& topic, const KafkaProperties& properties,
                std::chrono::seconds connect_timeout = std::chrono::seconds(20)) {
  const std::string address = broker().listener(listener);
  const auto began = steady_clock::now();
  KafkaSource<Item> source(address, topic, json_format());
  source.properties(properties).stop_at_end().connect_timeout(connect_timeout);
  KafkaSink<Item> sink(address, topic, json_format());
  sink.properties(properties).connect_timeout(connect_timeout);
  Refusal refusal;
  refusal.sink = send(sink, items(0, 100));
  Running<Item> reading(source, 0, 1);
  refusal.source = reading.to_end().error;
  if (refusal.source.empty()) CHECK(sorted(reading.records) == items(0, 100));
  refusal.took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began);
  return refusal;
}

/// One sentence, soon, without the password.
void check_refused(const Refusal& refusal, const std::string& why) {
  CAPTURE(refusal.source);
  CAPTURE(refusal.sink);
  CHECK(refusal.source.find(why) != std::string::npos);
  CHECK(refusal.sink.find(why) != std::string::npos);
  CHECK(refusal.source.find('\n') == std::string::npos);
  CHECK(refusal.source.find("not-the-secret") == std::string::npos);
  CHECK(refusal.took < std::chrono::seconds(60));  // on a busy machine
}

}  // namespace

TEST_CASE("kafka security: the right password opens the listener, by PLAIN and SCRAM-SHA-256, with and without TLS") {
  for (const char* protocol : {"SASL_PLAINTEXT", "SASL_SSL"}) {
    for (const char* mechanism : {"PLAIN", "SCRAM-SHA-256"}) {
      const std::string topic = broker().create_topic(std::string(protocol) + "-" + mechanism, 1);
      CAPTURE(topic);
      const Refusal refusal = try_all(protocol, topic, sasl(protocol, mechanism));
      if ((refusal.sink + refusal.source).find("cannot speak SCRAM with brokers of Kafka 4") != std::string::npos) {
        CHECK(mechanism == std::string("SCRAM-SHA-256"));
        MESSAGE("this librdkafka is too old for SCRAM with this broker, and says so");
        continue;
      }
      CHECK(refusal.sink == "");
      CHECK(refusal.source == "");
    }
  }
}

TEST_CASE("kafka security: a wrong password is told in one sentence, which does not repeat it") {
  const std::string topic = broker().create_topic("wrong-password", 1);
  for (const char* mechanism : {"PLAIN", "SCRAM-SHA-256"}) {
    const Refusal refusal = try_all("SASL_PLAINTEXT", topic, sasl("SASL_PLAINTEXT", mechanism, "not-the-secret"));
    check_refused(refusal, "Kafka at " + broker().listener("SASL_PLAINTEXT") + " refuses this client: ");
    check_refused(refusal, "Authentication failed");
  }
}

TEST_CASE("kafka security: a client certificate opens the listener that asks for one") {
  const std::string topic = broker().create_topic("certificate", 1);
  const Refusal refusal = try_all("SSL", topic, with_certificate());
  CHECK(refusal.sink == "");
  CHECK(refusal.source == "");
}

TEST_CASE("kafka security: no client certificate where one is asked for is told in one sentence") {
  const std::string topic = broker().create_topic("no-certificate", 1);
  check_refused(try_all("SSL", topic, tls("ca.pem")), "Kafka at " + broker().listener("SSL"));
}

TEST_CASE("kafka security: a broker whose certificate another authority signed is not trusted") {
  const std::string topic = broker().create_topic("wrong-authority", 1);
  const Refusal refusal = try_all("SSL", topic, tls("other-ca.pem"));
  check_refused(refusal, "Kafka at " + broker().listener("SSL") + " refuses this client: ");
  check_refused(refusal, "certificate verify failed");
}

TEST_CASE("kafka security: a file that is not there is named with its property") {
  check_refused(try_all("SSL", "any", tls("nowhere.pem")),
                "the file '" + broker().tls_file("nowhere.pem") +
                    "' of the Kafka property ssl.ca.location cannot be read: No such file or directory");
  KafkaProperties properties = with_certificate();
  properties["ssl.key.location"] = broker().tls_file("no-key.pem");
  check_refused(try_all("SSL", "any", properties), "of the Kafka property ssl.key.location cannot be read");
}

TEST_CASE("kafka security: a key that fits another certificate is refused when the client is made") {
  KafkaProperties properties = with_certificate();
  properties["ssl.key.location"] = broker().tls_file("ca-key.pem");
  check_refused(try_all("SSL", "any", properties), "the Kafka client cannot be made: ");
}

TEST_CASE(
    "kafka security: speaking plainly to a listener that wants TLS, or TLS to one that does not, is told with the "
    "reason") {
  const std::string topic = broker().create_topic("wrong-protocol", 1);
  constexpr std::chrono::seconds kSoon(3);
  check_refused(try_all("SSL", topic, {}, kSoon), "no Kafka broker answers at " + broker().listener("SSL"));
  check_refused(try_all("SASL_PLAINTEXT", topic, tls("ca.pem"), kSoon),
                "no Kafka broker answers at " + broker().listener("SASL_PLAINTEXT"));
}

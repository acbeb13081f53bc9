#include "tests/support/kafka_broker.h"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <thread>

namespace weir::test {
namespace {

using std::chrono::steady_clock;

constexpr int kRequestMs = 10'000;

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

/// One admin request, which `enqueue` puts on its way. @return  empty, or why the broker does not do it
template <class Enqueue>
std::string ask(rd_kafka_t* client, Enqueue&& enqueue) {
  const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client), &rd_kafka_queue_destroy);
  enqueue(queue.get());
  const Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), kRequestMs + 1000), &rd_kafka_event_destroy);
  if (!event) return "no answer";
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return rd_kafka_event_error_string(event.get());
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results = nullptr;
  if (const auto* made = rd_kafka_event_CreateTopics_result(event.get()))
    results = rd_kafka_CreateTopics_result_topics(made, &count);
  if (const auto* deleted = rd_kafka_event_DeleteTopics_result(event.get()))
    results = rd_kafka_DeleteTopics_result_topics(deleted, &count);
  if (const auto* grown = rd_kafka_event_CreatePartitions_result(event.get()))
    results = rd_kafka_CreatePartitions_result_topics(grown, &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (rd_kafka_topic_result_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return rd_kafka_topic_result_error_string(results[i]);
  }
  return count == 1 ? "" : "no result";
}

Owned<rd_kafka_t> admin(const std::string& address) {
  char reason[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", address.c_str(), reason, sizeof reason);
  rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof reason);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
  if (client == nullptr) throw std::runtime_error(reason);
  return {client, &rd_kafka_destroy};
}

/// Again and again for half a minute: on a busy machine the broker can be out of touch with its controller.
template <class Enqueue>
void insist(const std::string& what, const std::string& address, Enqueue&& enqueue) {
  const auto client = admin(address);
  const auto deadline = steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    const std::string reason = ask(client.get(), [&](rd_kafka_queue_t* queue) { enqueue(client.get(), queue); });
    if (reason.empty()) return;
    if (steady_clock::now() >= deadline) throw std::runtime_error(what + ": " + reason);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

std::string KafkaBroker::create_topic(const std::string& name, int partitions) {
  return create_topic(name, std::vector<std::vector<int>>(partitions));
}

std::string KafkaBroker::create_topic(const std::string& name, const std::vector<std::vector<int>>& replicas) {
  insist("create topic " + name, address_, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    char reason[512];
    const bool placed = !replicas.front().empty();
    const Owned<rd_kafka_NewTopic_t> topic(
        rd_kafka_NewTopic_new(name.c_str(), static_cast<int>(replicas.size()), placed ? -1 : 1, reason, sizeof reason),
        &rd_kafka_NewTopic_destroy);
    for (std::size_t i = 0; placed && i < replicas.size(); ++i) {
      std::vector<std::int32_t> brokers(replicas[i].begin(), replicas[i].end());
      rd_kafka_NewTopic_set_replica_assignment(topic.get(), static_cast<std::int32_t>(i), brokers.data(),
                                               brokers.size(), reason, sizeof reason);
    }
    rd_kafka_NewTopic_t* one = topic.get();
    rd_kafka_CreateTopics(client, &one, 1, nullptr, queue);
  });
  return name;
}

void KafkaBroker::delete_topic(const std::string& name) {
  insist("delete topic " + name, address_, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    const Owned<rd_kafka_DeleteTopic_t> topic(rd_kafka_DeleteTopic_new(name.c_str()), &rd_kafka_DeleteTopic_destroy);
    rd_kafka_DeleteTopic_t* one = topic.get();
    rd_kafka_DeleteTopics(client, &one, 1, nullptr, queue);
  });
}

void KafkaBroker::grow_topic(const std::string& name, int partitions) {
  insist("grow topic " + name, address_, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    char reason[512];
    const Owned<rd_kafka_NewPartitions_t> grown(
        rd_kafka_NewPartitions_new(name.c_str(), static_cast<std::size_t>(partitions), reason, sizeof reason),
        &rd_kafka_NewPartitions_destroy);
    rd_kafka_NewPartitions_t* one = grown.get();
    rd_kafka_CreatePartitions(client, &one, 1, nullptr, queue);
  });
}

}  // namespace weir::test

// JSON bids from one topic to another through a real broker: parsed into records, written again. Records per CPU second
// of this process, librdkafka's threads included, the broker not; the limit is a bare loop over librdkafka in the same
// run that hands the same bytes on without looking at them.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/engine_jobs.h"
#include "tests/bench/measure.h"
#include "tests/support/engine_cluster.h"
#include "tests/support/kafka_broker.h"
#include "weir/connectors/kafka.h"
#include "weir/environment.h"

namespace weir::bench {
namespace {

using connectors::json_format;
using connectors::KafkaSink;
using connectors::KafkaSource;

constexpr int kPartitions = 4;
constexpr double kTargetOfLimit = 0.9;

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "kafka_json: %s\n", why.c_str());
  std::exit(1);
}

std::vector<std::string> texts() {
  std::vector<std::string> texts;
  const BidMaker make;
  for (std::uint64_t number = 0; number < 1024; ++number) {
    const Bid bid = make(number);
    texts.push_back(
        fmt::format(R"({{"auction":{},"bidder":{},"price":{},"ts":{},"channel":"{}","url":"{}","extra":"{}"}})",
                    bid.auction, bid.bidder, bid.price, bid.ts, bid.channel.view(), bid.url.view(), bid.extra.view()));
  }
  return texts;
}

/// One librdkafka client, made as the connectors make theirs.
class Client {
 public:
  Client(rd_kafka_type_t type, const std::string& brokers,
         const std::vector<std::pair<std::string, std::string>>& properties) {
    char reason[512];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), reason, sizeof reason);
    for (const auto& [key, value] : properties)
      if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK) stop(reason);
    if (type == RD_KAFKA_PRODUCER) {
      rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) stop(rd_kafka_err2str(message->err));
      });
    }
    client_ = rd_kafka_new(type, conf, reason, sizeof reason);
    if (client_ == nullptr) stop(reason);
  }
  ~Client() { rd_kafka_destroy(client_); }
  rd_kafka_t* get() { return client_; }

 private:
  rd_kafka_t* client_;
};

const std::vector<std::pair<std::string, std::string>>& producer_properties() {
  static const std::vector<std::pair<std::string, std::string>> properties{{"enable.idempotence", "true"},
                                                                           {"linger.ms", "5"},
                                                                           {"queue.buffering.max.messages", "100000"},
                                                                           {"queue.buffering.max.kbytes", "65536"}};
  return properties;
}

void send_batch(rd_kafka_t* client, rd_kafka_topic_t* topic, std::vector<rd_kafka_message_t>& messages) {
  for (auto at = messages.begin(); at != messages.end();) {
    at += rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, &*at,
                                 static_cast<int>(messages.end() - at));
    if (at != messages.end()) rd_kafka_poll(client, 1);
  }
  rd_kafka_poll(client, 0);
  messages.clear();
}

void fill(const std::string& brokers, const std::string& name, std::uint64_t count) {
  const std::vector<std::string> lines = texts();
  Client client(RD_KAFKA_PRODUCER, brokers, producer_properties());
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client.get(), name.c_str(), nullptr);
  std::vector<rd_kafka_message_t> messages;
  for (std::uint64_t number = 0; number < count; ++number) {
    const std::string& line = lines[number % lines.size()];
    rd_kafka_message_t message{};
    message.payload = const_cast<char*>(line.data());
    message.len = line.size();
    messages.push_back(message);
    if (messages.size() == 1000 || number + 1 == count) send_batch(client.get(), topic, messages);
  }
  if (rd_kafka_flush(client.get(), 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR) stop("the input was not acknowledged");
  rd_kafka_topic_destroy(topic);
}

/// No engine: batches of messages in, the same bytes out.
double bare_loop(const std::string& brokers, const std::string& in, const std::string& out, std::uint64_t count) {
  const double before = cpu_seconds();
  {
    Client consumer(RD_KAFKA_CONSUMER, brokers, {{"queued.max.messages.kbytes", "16384"}});
    Client producer(RD_KAFKA_PRODUCER, brokers, producer_properties());
    rd_kafka_topic_t* from = rd_kafka_topic_new(consumer.get(), in.c_str(), nullptr);
    rd_kafka_topic_t* to = rd_kafka_topic_new(producer.get(), out.c_str(), nullptr);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(consumer.get());
    for (int partition = 0; partition < kPartitions; ++partition)
      rd_kafka_consume_start_queue(from, partition, 0, queue);
    std::vector<rd_kafka_message_t*> got(1024);
    std::vector<rd_kafka_message_t> messages;
    for (std::uint64_t seen = 0; seen < count;) {
      const ssize_t size = rd_kafka_consume_batch_queue(queue, 100, got.data(), got.size());
      for (ssize_t i = 0; i < size; ++i) {
        if (got[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) stop(rd_kafka_message_errstr(got[i]));
        rd_kafka_message_t message{};
        message.payload = got[i]->payload;
        message.len = got[i]->len;
        messages.push_back(message);
      }
      seen += messages.size();
      send_batch(producer.get(), to, messages);
      for (ssize_t i = 0; i < size; ++i) rd_kafka_message_destroy(got[i]);
    }
    if (rd_kafka_flush(producer.get(), 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR) stop("the output was not acknowledged");
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(from);
    rd_kafka_topic_destroy(to);
  }
  return static_cast<double>(count) / (cpu_seconds() - before);
}

/// How many messages a topic holds.
std::uint64_t size_of(const std::string& brokers, const std::string& topic) {
  Client client(RD_KAFKA_CONSUMER, brokers, {});
  std::uint64_t size = 0;
  for (int partition = 0; partition < kPartitions; ++partition) {
    std::int64_t low = 0, high = 0;
    const auto error = rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), partition, &low, &high, 10'000);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) stop(rd_kafka_err2str(error));
    size += static_cast<std::uint64_t>(high - low);
  }
  return size;
}

double run(const std::string& brokers, const std::string& in, const std::string& out, std::uint64_t count) {
  test::EngineCluster cluster({.slots = 1, .pool_bytes = std::uint64_t{64} << 20}, [&] {
    StreamExecutionEnvironment env;
    env.set_parallelism(1);
    env.from_source(KafkaSource<Bid>(brokers, in, json_format()).stop_at_end())
        .sink_to(KafkaSink<Bid>(brokers, out, json_format()));
    return env.take_graph();
  });
  const double before = cpu_seconds();
  const bool is_done =
      cluster.start().ok() && cluster.deploy().ok() && cluster.wait_for(proto::FINISHED, std::chrono::minutes(5));
  const double cpu = cpu_seconds() - before;
  for (const auto& failure : cluster.failures()) std::fprintf(stderr, "%s\n", failure.c_str());
  if (!is_done) stop("the job did not finish");
  return static_cast<double>(count) / cpu;
}

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  using namespace weir::bench;
  const Printer printer(argument_count, arguments);
  constexpr std::uint64_t kCount = 2'000'000;
  weir::test::KafkaBroker broker;
  const std::string& brokers = broker.address();
  broker.create_topic("in", kPartitions);
  fill(brokers, "in", kCount);
  std::vector<double> limits, rates;
  const auto checked = [&](const std::string& name, auto&& work) {
    broker.create_topic(name, kPartitions);
    const double rate = work(name);
    if (size_of(brokers, name) != kCount) stop("the topic " + name + " does not hold every record once");
    broker.delete_topic(name);
    return rate;
  };
  for (int round = 0; round < 3; ++round) {
    limits.push_back(checked("bare-" + std::to_string(round),
                             [&](const std::string& out) { return bare_loop(brokers, "in", out, kCount); }));
    rates.push_back(checked("out-" + std::to_string(round),
                            [&](const std::string& out) { return run(brokers, "in", out, kCount); }));
  }
  std::sort(limits.begin(), limits.end());
  std::sort(rates.begin(), rates.end());
  printer.print({.name = "Kafka JSON in and out",
                 .value = rates[1] / 1e6,
                 .unit = "M records/s/core",
                 .per_core = rates[1] / 1e6,
                 .target = limits[1] / 1e6 * kTargetOfLimit,
                 .limit = limits[1] / 1e6});
  return 0;
}

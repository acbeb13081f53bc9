// Kafka: a source of topics and a sink to one, through librdkafka.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/connectors/format.h"
#include "weir/connectors/raw_reader.h"
#include "weir/row_codec.h"
#include "weir/sink.h"
#include "weir/source.h"

namespace weir::connectors {

/// Client options by their librdkafka names, without the `properties.` in front of them: {"security.protocol",
/// "SASL_SSL"}.
using KafkaProperties = std::map<std::string, std::string>;

/// What a client needs before anything else.
struct KafkaCluster {
  std::string brokers;  ///< "host:port,host:port"
  KafkaProperties properties;
  /// How long a start may wait for a broker and the topic.
  std::chrono::milliseconds connect_timeout{10'000};
};

/// Where a partition that no state knows is read from.
struct KafkaStart {
  enum class Kind : std::uint8_t { earliest, latest, timestamp, offsets, group };
  Kind kind = Kind::earliest;
  std::int64_t timestamp_ms = 0;  ///< timestamp: the first record of this time or later
  std::map<std::int32_t, std::int64_t>
      offsets;                           ///< offsets: by partition; those that are not named begin at the earliest
  Kind without_commit = Kind::earliest;  ///< group: earliest or latest, where the group has committed nothing

  static KafkaStart earliest() { return {}; }
  static KafkaStart latest() { return {.kind = Kind::latest, .timestamp_ms = 0, .offsets = {}}; }
  static KafkaStart at(EventTime time) { return {.kind = Kind::timestamp, .timestamp_ms = to_ms(time), .offsets = {}}; }
  static KafkaStart at(std::map<std::int32_t, std::int64_t> offsets) {
    return {.kind = Kind::offsets, .timestamp_ms = 0, .offsets = std::move(offsets)};
  }
  static KafkaStart committed() { return {.kind = Kind::group, .timestamp_ms = 0, .offsets = {}}; }
};

struct KafkaSourceOptions {
  KafkaCluster cluster;
  std::vector<std::string> topics;
  KafkaStart start;
  /// Ends where the partitions ended when the reader started.
  bool bounded = false;
  /// Offsets are committed to this group every 5 s, for people to watch; empty: not at all. Nothing is ever read from
  /// it but by KafkaStart::committed().
  std::string group;
  /// How often an unbounded source looks for partitions that have been added, which it reads from their beginning; 0:
  /// never.
  std::chrono::milliseconds discovery_interval{std::chrono::minutes(5)};
};

/// Whether options make sense: names, and properties that librdkafka knows and Weir does not need for itself. Asks no
/// broker.
Result<void> check_kafka_source(const KafkaSourceOptions& options);
/// The reader of one subtask: partition p of a topic belongs to subtask (hash(topic) + p) modulo parallelism. State:
/// the next offset of each partition.
std::unique_ptr<RawReader> make_kafka_reader(KafkaSourceOptions options);

/// Records of T, one per message, with the message's time. Read offsets are Weir's own: no consumer group, no automatic
/// commit; a message below the next offset of its partition is dropped, and a topic that was cut back or made anew
/// fails the task.
template <class T>
class KafkaSource final : public Source<T> {
 public:
  KafkaSource(std::string brokers, std::string topic, FormatPtr format) : format_(std::move(format)) {
    options_.cluster.brokers = std::move(brokers);
    options_.topics.push_back(std::move(topic));
    require(format_->check(type_of<T>()), name());
    check();
  }
  /// Reads this topic as well.
  KafkaSource& topic(std::string topic) { return options_.topics.push_back(std::move(topic)), check(); }
  KafkaSource& start(KafkaStart start) { return options_.start = std::move(start), *this; }
  KafkaSource& stop_at_end() { return options_.bounded = true, *this; }
  KafkaSource& group(std::string group) { return options_.group = std::move(group), *this; }
  KafkaSource& on_bad_record(OnBadRecord choice) { return on_bad_record_ = choice, *this; }
  KafkaSource& properties(const KafkaProperties& properties) {
    for (const auto& [key, value] : properties) options_.cluster.properties[key] = value;
    return check();
  }
  KafkaSource& connect_timeout(std::chrono::milliseconds limit) {
    return options_.cluster.connect_timeout = limit, *this;
  }

  /// Records a second over all subtasks, at most.
  KafkaSource& max_rate(double records_per_second) {
    require(check_max_rate(records_per_second), name());
    return max_rate_ = records_per_second, *this;
  }
  /// Flink's `partition.discovery.interval.ms`; 0: never.
  KafkaSource& partition_discovery_interval(std::chrono::milliseconds interval) {
    return options_.discovery_interval = interval, *this;
  }

  std::string name() const override {
    std::string name = "Kafka: ";
    for (const std::string& topic : options_.topics) name += (&topic == options_.topics.data() ? "" : ", ") + topic;
    return name;
  }
  bool bounded() const override { return options_.bounded; }
  OnBadRecord on_bad_record() const override { return on_bad_record_; }
  std::unique_ptr<SourceReader> make_reader() const override {
    require(check_kafka_source(options_), name());
    return std::make_unique<DecodingReader<T>>(name(), make_kafka_reader(options_), format_->make_decoder(type_of<T>()),
                                               on_bad_record_, max_rate_);
  }

 private:
  KafkaSource& check() {
    require(check_kafka_source(options_), name());
    return *this;
  }

  KafkaSourceOptions options_;
  FormatPtr format_;
  OnBadRecord on_bad_record_ = OnBadRecord::fail;
  double max_rate_ = RateLimit::kNone;
};

struct KafkaSinkOptions {
  KafkaCluster cluster;
  std::string topic;
};

/// One message on its way out. Views are copied by the producer.
struct KafkaMessage {
  std::string_view value;
  std::optional<std::string_view> key;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Milliseconds since 1970; 0: the time of sending.
  std::int64_t timestamp_ms = 0;
};

/// Sends messages. Lives on: the slot's thread. At least once: idempotent producer, acknowledged by all replicas in
/// sync.
class KafkaProducer {
 public:
  virtual ~KafkaProducer() = default;
  virtual Result<void> open(OperatorContext& context) = 0;
  /// Takes the message, always; what goes wrong comes out of ready().
  virtual void send(const KafkaMessage& message) = 0;
  /// Blocked while the client's queue is full, and after finish() until all is acknowledged. Errors: a message that was
  /// refused or not acknowledged in time (`message.timeout.ms`).
  virtual Result<Progress> ready() = 0;
  virtual void finish() = 0;
  /// Blocked until all that was sent is acknowledged; never waits itself.
  virtual Result<Progress> flush() = 0;
  virtual void close() noexcept = 0;
};

Result<void> check_kafka_sink(const KafkaSinkOptions& options);
std::unique_ptr<KafkaProducer> make_kafka_producer(KafkaSinkOptions options);

/// Records of T to a topic, one message each. Messages with a key go to the partition that Java's clients choose for
/// it.
template <class T>
class KafkaSink final : public Sink<T> {
 public:
  /// Sets `key` to the record's key, which is empty before.
  using KeyOf = std::function<void(const T& record, std::string& key)>;
  using HeadersOf = std::function<void(const T& record, std::vector<std::pair<std::string, std::string>>& headers)>;

  KafkaSink(std::string brokers, std::string topic, FormatPtr format) : format_(std::move(format)) {
    options_.cluster.brokers = std::move(brokers);
    options_.topic = std::move(topic);
    require(format_->check(type_of<T>()), name());
    require(check_kafka_sink(options_), name());
  }
  KafkaSink& key(KeyOf key) { return key_ = std::move(key), *this; }
  KafkaSink& headers(HeadersOf headers) { return headers_ = std::move(headers), *this; }
  KafkaSink& properties(const KafkaProperties& properties) {
    for (const auto& [key, value] : properties) options_.cluster.properties[key] = value;
    require(check_kafka_sink(options_), name());
    return *this;
  }
  KafkaSink& connect_timeout(std::chrono::milliseconds limit) {
    return options_.cluster.connect_timeout = limit, *this;
  }

  std::string name() const override { return "Kafka: " + options_.topic; }
  std::unique_ptr<Operator> make_writer() const override {
    return std::make_unique<Writer>(make_kafka_producer(options_), format_->make_encoder(type_of<T>()), key_, headers_);
  }

 private:
  class Writer final : public Operator {
   public:
    Writer(std::unique_ptr<KafkaProducer> producer, std::unique_ptr<RecordEncoder> encoder, KeyOf key,
           HeadersOf headers)
        : producer_(std::move(producer)),
          encoder_(std::move(encoder)),
          key_of_(std::move(key)),
          headers_of_(std::move(headers)) {}

    Result<void> open(OperatorContext& context) override { return producer_->open(context); }
    void process(std::uint32_t, Batch& batch, Output&) override {
      batch.for_each_row([&](std::uint32_t row) {
        const T& record = RowCodec<T>::read(batch.block(), row, value_);
        bytes_.clear();
        encoder_->encode(&record, bytes_);
        message_.value = bytes_;
        if (key_of_) {
          key_.clear();
          key_of_(record, key_);
          message_.key = key_;
        }
        if (headers_of_) {
          message_.headers.clear();
          headers_of_(record, message_.headers);
        }
        const std::int64_t time_ms = batch.timestamp_ms(row);
        message_.timestamp_ms = time_ms > 0 ? time_ms : 0;
        producer_->send(message_);
      });
    }
    void end_of_input(std::uint32_t) override { producer_->finish(); }
    Result<Progress> ready(Output&) override { return producer_->ready(); }
    Result<Progress> prepare_snapshot(std::uint64_t, Output&) override { return producer_->flush(); }
    void close() noexcept override { producer_->close(); }

   private:
    std::unique_ptr<KafkaProducer> producer_;
    std::unique_ptr<RecordEncoder> encoder_;
    KeyOf key_of_;
    HeadersOf headers_of_;
    T value_{};
    KafkaMessage message_;
    std::string bytes_;
    std::string key_;
  };

  KafkaSinkOptions options_;
  FormatPtr format_;
  KeyOf key_;
  HeadersOf headers_;
};

}  // namespace weir::connectors

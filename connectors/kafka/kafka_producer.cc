#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <deque>
#include <memory>
#include <utility>

#include "common/base/try.h"
#include "connectors/kafka/client.h"
#include "weir/connectors/kafka.h"

namespace weir::connectors {
namespace {

using std::chrono::steady_clock;

constexpr std::int64_t kCheckMs = 100;
constexpr auto kFlushLimit = std::chrono::seconds(60);

const KafkaProperties& fixed_properties() {
  static const KafkaProperties properties{{"enable.idempotence", "true"}, {"acks", "all"}};
  return properties;
}

const KafkaProperties& usual_properties() {
  static const KafkaProperties properties{{"linger.ms", "5"},
                                          {"partitioner", "murmur2_random"},
                                          {"queue.buffering.max.messages", "100000"},
                                          {"queue.buffering.max.kbytes", "65536"}};
  return properties;
}

/// A message that the client had no room for.
struct Waiting {
  std::string value;
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t timestamp_ms = 0;

  KafkaMessage message() const {
    KafkaMessage message{.value = value, .key = {}, .headers = headers, .timestamp_ms = timestamp_ms};
    if (key) message.key = *key;
    return message;
  }
};

/// Lives on: the slot's thread. Delivery reports are taken in ready().
class Producer final : public KafkaProducer {
 public:
  explicit Producer(KafkaSinkOptions options) : options_(std::move(options)) {}
  ~Producer() override { close(); }

  Result<void> open(OperatorContext& context) override {
    context_ = &context;
    TRY(client_, KafkaClient::create(KafkaRole::producer, options_.cluster, fixed_properties(), usual_properties()));
    client_->on_delivery = [this](int error) {
      if (error != 0 && state_.ok()) state_ = refused(error);
    };
    start_.run(
        [this](const std::atomic<bool>& stop) -> Result<void> {
          auto partitions = client_->await_partitions(options_.topic, steady_clock::now() + options_.cluster.connect_timeout, stop);
          return partitions.ok() ? Result<void>() : Result<void>(std::move(partitions).error());
        },
        *client_);
    return {};
  }

  void send(const KafkaMessage& message) override {
    if (waiting_.empty() && started_ && try_send(message)) return;
    Waiting kept{.value = std::string(message.value), .key = {}, .headers = message.headers, .timestamp_ms = message.timestamp_ms};
    if (message.key) kept.key = std::string(*message.key);
    waiting_.push_back(std::move(kept));
  }

  Result<Progress> ready() override {
    client_->drain_wake();
    if (!started_) {
      if (!start_.done()) return Progress::blocked_on(client_->wake_fd());
      TRY_VOID(start_.take_result());
      started_ = true;
      client_->wake_on_events();
    }
    rd_kafka_poll(client_->get(), 0);
    drain_waiting();
    if (!state_.ok()) return state_.error();
    const std::string complaint = client_->take_complaint();
    if (!complaint.empty()) context_->log(LogLevel::warn, "Kafka: " + complaint);
    if (!client_->fatal().empty()) return Error::external(ErrorCode::unavailable, "the Kafka client gave up: " + client_->fatal());
    const bool unfinished = !waiting_.empty() || (finishing_ && rd_kafka_outq_len(client_->get()) > 0);
    if (unfinished) return Progress::blocked_on(client_->wake_fd(), context_->now_ms() + kCheckMs);
    return Progress::more();
  }

  void finish() override { finishing_ = true; }

  Result<void> flush() override {
    const auto deadline = steady_clock::now() + kFlushLimit;
    if (!started_) {
      TRY_VOID(start_.take_result());
      started_ = true;
      client_->wake_on_events();
    }
    for (;;) {
      drain_waiting();
      rd_kafka_flush(client_->get(), 500);
      TRY_VOID(state_);
      if (waiting_.empty() && rd_kafka_outq_len(client_->get()) == 0) return {};
      if (steady_clock::now() >= deadline)
        return Error::external(ErrorCode::deadline_exceeded, fmt::format("Kafka has not acknowledged what was sent to '{}' within {} s", options_.topic, kFlushLimit.count()));
    }
  }

  void close() noexcept override {
    start_.stop();
    // What is still in the queue belongs to an attempt that failed or was cancelled: waiting for it would only delay the end.
    if (client_) rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    client_.reset();
  }

 private:
  void drain_waiting() {
    while (!waiting_.empty() && state_.ok() && try_send(waiting_.front().message())) waiting_.pop_front();
  }

  /// @return  false when the client's queue is full
  bool try_send(const KafkaMessage& message) {
    if (!state_.ok()) return true;
    rd_kafka_headers_t* headers = nullptr;
    if (!message.headers.empty()) {
      headers = rd_kafka_headers_new(message.headers.size());
      for (const auto& [name, value] : message.headers) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(), static_cast<ssize_t>(value.size()));
      }
    }
    rd_kafka_resp_err_t error;
    char* value = const_cast<char*>(message.value.data());
    const void* key = message.key ? message.key->data() : nullptr;
    const std::size_t key_size = message.key ? message.key->size() : 0;
    if (headers == nullptr) {
      error = rd_kafka_producev(client_->get(), RD_KAFKA_V_TOPIC(options_.topic.c_str()), RD_KAFKA_V_VALUE(value, message.value.size()), RD_KAFKA_V_KEY(key, key_size),
                                RD_KAFKA_V_TIMESTAMP(message.timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    } else {
      error = rd_kafka_producev(client_->get(), RD_KAFKA_V_TOPIC(options_.topic.c_str()), RD_KAFKA_V_VALUE(value, message.value.size()), RD_KAFKA_V_KEY(key, key_size),
                                RD_KAFKA_V_TIMESTAMP(message.timestamp_ms), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
    }
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) state_ = refused(error);
    return true;
  }

  Error refused(int error) const {
    if (is_absent_topic(error)) return Error::external(ErrorCode::not_found, fmt::format("the Kafka topic '{}' is gone while it is being written", options_.topic));
    if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
      return Error::external(ErrorCode::deadline_exceeded,
                             fmt::format("Kafka has not acknowledged messages for '{}' within delivery.timeout.ms ({} ms): the job fails, so that they are not lost unnoticed", options_.topic,
                                         client_->setting("message.timeout.ms")));
    return Error::external(ErrorCode::unavailable, fmt::format("Kafka did not take a message for '{}': {}", options_.topic, rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error))));
  }

  KafkaSinkOptions options_;
  OperatorContext* context_ = nullptr;
  std::unique_ptr<KafkaClient> client_;
  BackgroundWork start_;  // after what its work uses
  bool started_ = false;
  bool finishing_ = false;
  std::deque<Waiting> waiting_;
  Result<void> state_;
};

}  // namespace

Result<void> check_kafka_sink(const KafkaSinkOptions& options) {
  TRY_VOID(check_kafka_topic(options.topic));
  return check_kafka_properties(options.cluster, fixed_properties());
}

std::unique_ptr<KafkaProducer> make_kafka_producer(KafkaSinkOptions options) { return std::make_unique<Producer>(std::move(options)); }

}  // namespace weir::connectors

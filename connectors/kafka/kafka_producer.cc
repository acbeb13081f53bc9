#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/try.h"
#include "connectors/kafka/client.h"
#include "weir/connectors/kafka.h"

namespace weir::connectors {
namespace {

using std::chrono::steady_clock;

/// How often the client's queue is looked at while it is full, or emptied at the end: it reports only what went wrong.
constexpr std::int64_t kDrainMs = 5;
/// So many messages go to the client in one call.
constexpr std::size_t kBatchMax = 1024;

const KafkaProperties& fixed_properties() {
  static const KafkaProperties properties{
      {"enable.idempotence", "true"}, {"acks", "all"}, {"delivery.report.only.error", "true"}};
  return properties;
}

const KafkaProperties& usual_properties() {
  static const KafkaProperties properties{{"linger.ms", "5"},
                                          {"partitioner", "murmur2_random"},
                                          {"queue.buffering.max.messages", "100000"},
                                          {"queue.buffering.max.kbytes", "65536"}};
  return properties;
}

/// Messages that the client has not taken yet, in order; values and keys one behind the other. Lives on: the slot's
/// thread.
class Pending {
 public:
  struct Entry {
    std::size_t value = 0;  // offset
    std::size_t value_size = 0;
    std::size_t key = 0;
    std::size_t key_size = 0;
    bool has_key = false;
    std::uint32_t headers = 0;  // a position in headers_ + 1; 0: none
    std::int64_t timestamp_ms = 0;
    /// Whether librdkafka's call for many messages can carry it.
    bool plain() const { return headers == 0 && timestamp_ms == 0; }
  };

  void add(const KafkaMessage& message) {
    Entry entry;
    entry.value = put(message.value);
    entry.value_size = message.value.size();
    if (message.key) {
      entry.has_key = true;
      entry.key = put(*message.key);
      entry.key_size = message.key->size();
    }
    if (!message.headers.empty()) {
      headers_.push_back(message.headers);
      entry.headers = static_cast<std::uint32_t>(headers_.size());
    }
    entry.timestamp_ms = message.timestamp_ms;
    entries_.push_back(entry);
  }
  void pop(std::size_t count) {
    first_ += count;
    if (first_ < entries_.size()) return;
    entries_.clear();
    headers_.clear();
    bytes_.clear();
    first_ = 0;
  }

  std::size_t size() const { return entries_.size() - first_; }
  const Entry& operator[](std::size_t index) const { return entries_[first_ + index]; }
  void* value(const Entry& entry) { return bytes_.data() + entry.value; }
  const void* key(const Entry& entry) const { return entry.has_key ? bytes_.data() + entry.key : nullptr; }
  const std::vector<std::pair<std::string, std::string>>& headers(const Entry& entry) const {
    return headers_[entry.headers - 1];
  }

 private:
  std::size_t put(std::string_view text) {
    const std::size_t at = bytes_.size();
    bytes_.append(text);
    return at;
  }

  std::vector<Entry> entries_;
  std::size_t first_ = 0;
  std::string bytes_;
  std::vector<std::vector<std::pair<std::string, std::string>>> headers_;
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
          auto partitions =
              client_->await_partitions(options_.topic, steady_clock::now() + options_.cluster.connect_timeout, stop);
          return partitions.ok() ? Result<void>() : Result<void>(std::move(partitions).error());
        },
        *client_);
    return {};
  }

  void send(const KafkaMessage& message) override {
    pending_.add(message);
    if (pending_.size() == kBatchMax && started_) drain();
  }

  Result<Progress> ready() override { return advance(finishing_); }

  void finish() override { finishing_ = true; }

  Result<Progress> flush() override { return advance(true); }

  void close() noexcept override {
    start_.stop();
    // What is still in the queue belongs to an attempt that failed or was cancelled: waiting for it would only delay
    // the end.
    if (client_) rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    client_.reset();
  }

 private:
  /// Gives the client what it has room for. @param empty  whether to wait until all is acknowledged
  Result<Progress> advance(bool empty) {
    client_->drain_wake();
    if (!started_) {
      if (!start_.done()) return Progress::blocked_on(client_->wake_fd());
      TRY_VOID(begin());
    }
    rd_kafka_poll(client_->get(), 0);
    drain();
    if (!state_.ok()) return state_.error();
    const std::string complaint = client_->take_complaint();
    if (!complaint.empty()) context_->log(LogLevel::warn, "Kafka: " + complaint);
    if (!client_->fatal().empty())
      return Error::external(ErrorCode::unavailable, "the Kafka client gave up: " + client_->fatal());
    const bool unfinished = pending_.size() > 0 || (empty && rd_kafka_outq_len(client_->get()) > 0);
    if (unfinished) return Progress::blocked_on(client_->wake_fd(), context_->now_ms() + kDrainMs);
    return Progress::more();
  }

  /// Once the work beside is done, or waits for it.
  Result<void> begin() {
    TRY_VOID(start_.take_result());
    TRY(topic_, client_->topic(options_.topic));
    started_ = true;
    client_->wake_on_events();
    return {};
  }

  /// Gives the client as much as it has room for.
  void drain() {
    bool has_room = true;
    while (has_room && pending_.size() > 0 && state_.ok()) has_room = pending_[0].plain() ? send_plain() : send_one();
  }

  /// All messages up to one that needs a call of its own. @return  false when the client's queue is full
  bool send_plain() {
    batch_.clear();
    for (std::size_t i = 0; i < pending_.size() && batch_.size() < kBatchMax && pending_[i].plain(); ++i) {
      const Pending::Entry& entry = pending_[i];
      rd_kafka_message_t message{};
      message.payload = pending_.value(entry);
      message.len = entry.value_size;
      message.key = const_cast<void*>(pending_.key(entry));
      message.key_len = entry.key_size;
      batch_.push_back(message);
    }
    const std::size_t all = batch_.size();
    const int good = rd_kafka_produce_batch(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, batch_.data(),
                                            static_cast<int>(all));
    std::size_t taken = static_cast<std::size_t>(good);
    for (std::size_t i = 0; i < all && taken < all; ++i) {
      const auto error = batch_[i].err;
      if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        taken = i;  // what follows was not taken, either
        pending_.pop(taken);
        return false;
      }
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return state_ = refused(error), true;
    }
    pending_.pop(all);
    return true;
  }

  /// The first message, with its time and headers. @return  false when the client's queue is full
  bool send_one() {
    const Pending::Entry& entry = pending_[0];
    rd_kafka_headers_t* headers = nullptr;
    if (entry.headers != 0) {
      headers = rd_kafka_headers_new(pending_.headers(entry).size());
      for (const auto& [name, value] : pending_.headers(entry)) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
      }
    }
    rd_kafka_resp_err_t error;
    if (headers == nullptr) {
      error = rd_kafka_producev(
          client_->get(), RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_VALUE(pending_.value(entry), entry.value_size),
          RD_KAFKA_V_KEY(pending_.key(entry), entry.key_size), RD_KAFKA_V_TIMESTAMP(entry.timestamp_ms),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    } else {
      error = rd_kafka_producev(
          client_->get(), RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_VALUE(pending_.value(entry), entry.value_size),
          RD_KAFKA_V_KEY(pending_.key(entry), entry.key_size), RD_KAFKA_V_TIMESTAMP(entry.timestamp_ms),
          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
    }
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) state_ = refused(error);
    pending_.pop(1);
    return true;
  }

  Error refused(int error) const {
    if (is_absent_topic(error))
      return Error::external(ErrorCode::not_found,
                             fmt::format("the Kafka topic '{}' is gone while it is being written", options_.topic));
    if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
      return Error::external(ErrorCode::deadline_exceeded,
                             fmt::format("Kafka has not acknowledged messages for '{}' within delivery.timeout.ms ({} "
                                         "ms): the job fails, so that they are not lost unnoticed",
                                         options_.topic, client_->setting("message.timeout.ms")));
    return Error::external(ErrorCode::unavailable,
                           fmt::format("Kafka did not take a message for '{}': {}", options_.topic,
                                       rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error))));
  }

  KafkaSinkOptions options_;
  OperatorContext* context_ = nullptr;
  std::unique_ptr<KafkaClient> client_;
  BackgroundWork start_;  // after what its work uses
  bool started_ = false;
  bool finishing_ = false;
  rd_kafka_topic_t* topic_ = nullptr;
  Pending pending_;
  std::vector<rd_kafka_message_t> batch_;
  Result<void> state_;
};

}  // namespace

Result<void> check_kafka_sink(const KafkaSinkOptions& options) {
  TRY_VOID(check_kafka_topic(options.topic));
  return check_kafka_properties(options.cluster, fixed_properties());
}

std::unique_ptr<KafkaProducer> make_kafka_producer(KafkaSinkOptions options) {
  return std::make_unique<Producer>(std::move(options));
}

}  // namespace weir::connectors

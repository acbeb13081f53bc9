#include "connectors/kafka/client.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <utility>

#include "common/base/try.h"

namespace weir::connectors {

using std::chrono::steady_clock;

struct KafkaCallbacks {
  static void error(rd_kafka_t* client, int error, const char* reason, void* self) {
    KafkaClient::on_error(client, error, reason, self);
  }
  static void report(rd_kafka_t* client, const rd_kafka_message_t* message, void* self) {
    KafkaClient::on_report(client, message, self);
  }
  static void log(const rd_kafka_t*, int, const char*, const char*) {}  // what matters comes as an error, too
};

namespace {

/// A broker answers one request of a connection after the other, and a fetch without news takes fetch.wait.max.ms
/// (500): a question must be able to wait behind one.
constexpr int kRequestMs = 1'500;
constexpr std::string_view kRedacted = "******";
constexpr auto kPause = std::chrono::milliseconds(50);
constexpr auto kEndLimit = std::chrono::seconds(5);
/// A topic that was made just now is not known to every broker at once.
constexpr auto kTopicGrace = std::chrono::milliseconds(2000);

struct ConfigurationDeleter {
  void operator()(rd_kafka_conf_t* configuration) const { rd_kafka_conf_destroy(configuration); }
};
using Configuration = std::unique_ptr<rd_kafka_conf_t, ConfigurationDeleter>;

/// Properties whose values are never shown: sasl.password, ssl.key.password, ssl.key.pem,
/// sasl.oauthbearer.client.secret, ...
bool is_secret(std::string_view key) {
  for (const std::string_view word : {"password", "secret", "key.pem", "oauthbearer.config", "jaas"})
    if (key.find(word) != std::string_view::npos) return true;
  return false;
}

/// The text without the values of secret properties.
std::string redacted(std::string text, const KafkaProperties& properties) {
  for (const auto& [key, value] : properties) {
    if (!is_secret(key) || value.empty()) continue;
    for (std::size_t at = 0; (at = text.find(value, at)) != std::string::npos; at += kRedacted.size())
      text.replace(at, value.size(), kRedacted);
  }
  return text;
}

Result<void> set(Configuration& configuration, const std::string& key, const std::string& value) {
  char reason[512];
  if (rd_kafka_conf_set(configuration.get(), key.c_str(), value.c_str(), reason, sizeof reason) == RD_KAFKA_CONF_OK)
    return {};
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("the Kafka property {} cannot be used: {}", key, redacted(reason, {{key, value}})));
}

/// Files lie on the machines of the workers, so only these can tell.
Result<void> check_files(const KafkaProperties& properties) {
  for (const auto& [key, value] : properties) {
    const bool names_file = key.starts_with("ssl.") && key.ends_with(".location") && value != "probe";
    if (names_file && ::access(value.c_str(), R_OK) != 0)
      return Error::user(
          ErrorCode::invalid_argument,
          fmt::format("the file '{}' of the Kafka property {} cannot be read: {}", value, key, std::strerror(errno)));
  }
  return {};
}

Result<Configuration> configure(const KafkaCluster& cluster, const KafkaProperties& fixed,
                                const KafkaProperties& usual) {
  if (cluster.brokers.empty())
    return Error::user(ErrorCode::invalid_argument,
                       "no Kafka brokers are given: HOST:PORT, or several with commas between");
  Configuration configuration(rd_kafka_conf_new());
  TRY_VOID(set(configuration, "bootstrap.servers", cluster.brokers));
  TRY_VOID(set(configuration, "client.id", "weir"));
  for (const auto& [key, value] : usual) TRY_VOID(set(configuration, key, value));
  for (const auto& [key, value] : cluster.properties) {
    if (fixed.contains(key) || key == "bootstrap.servers" || key == "metadata.broker.list")
      return Error::user(ErrorCode::invalid_argument,
                         fmt::format("the Kafka property {} is Weir's own and cannot be set", key));
    TRY_VOID(set(configuration, key, value));
  }
  for (const auto& [key, value] : fixed) TRY_VOID(set(configuration, key, value));
  return configuration;
}

/// librdkafka waits in its destructor for threads of its own, which a lookup of a name, or one reference too few given
/// back, can hold for as long as they like. Whatever holds them, the slot goes on after kEndLimit: the client is then
/// left to its fate with the thread that waits for it.
void end_client(rd_kafka_t* client) {
  std::promise<void> promise;
  const std::future<void> ended = promise.get_future();
  auto thread = std::make_unique<std::thread>([client, promise = std::move(promise)]() mutable {
    // Leaving no group and committing nothing: nobody has joined one.
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    promise.set_value();
  });
  if (ended.wait_for(kEndLimit) == std::future_status::ready) {
    thread->join();
  } else {
    thread.release();  // NOLINT: its thread cannot be joined, and must not be destroyed before that
  }
}

/// Before 2.6.1 librdkafka repeated its own nonce in SCRAM's last message, which brokers from Kafka 4 on refuse as a
/// wrong password.
std::string scram_hint(const std::string& text) {
  constexpr int kMended = 0x020601ff;
  if (rd_kafka_version() >= kMended || text.find("SCRAM") == std::string::npos) return {};
  return fmt::format(
      " (librdkafka {} cannot speak SCRAM with brokers of Kafka 4: if the password is right, install librdkafka 2.6.1 "
      "or newer, or use PLAIN over TLS)",
      rd_kafka_version_str());
}

bool is_certificate_trouble(const std::string& text) {
  for (const char* words : {"certificate verify failed", "verification failed", "certificate required", "unknown ca",
                            "bad certificate", "certificate unknown", "certificate expired"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

bool is_topic_name(const std::string& name) {
  return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

}  // namespace

bool is_absent_topic(int error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

Result<void> check_kafka_topic(const std::string& name) {
  if (is_topic_name(name)) return {};
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("'{}' is no name of a Kafka topic: 1 to 249 letters, digits, '.', '_' and '-'", name));
}

Result<void> check_kafka_properties(const KafkaCluster& cluster, const KafkaProperties& fixed) {
  auto configuration = configure(cluster, fixed, {});
  return configuration.ok() ? Result<void>() : Result<void>(std::move(configuration).error());
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::create(KafkaRole role, const KafkaCluster& cluster,
                                                         const KafkaProperties& fixed, const KafkaProperties& usual) {
  TRY(Configuration configuration, configure(cluster, fixed, usual));
  TRY_VOID(check_files(cluster.properties));
  std::unique_ptr<KafkaClient> made(new KafkaClient);
  made->brokers_ = cluster.brokers;
  made->properties_ = cluster.properties;
  made->wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (made->wake_fd_ < 0)
    return Error::external(ErrorCode::io, fmt::format("cannot make an eventfd: {}", std::strerror(errno)));
  rd_kafka_conf_set_opaque(configuration.get(), made.get());
  rd_kafka_conf_set_error_cb(configuration.get(), &KafkaCallbacks::error);
  rd_kafka_conf_set_log_cb(configuration.get(), &KafkaCallbacks::log);
  if (role == KafkaRole::producer) rd_kafka_conf_set_dr_msg_cb(configuration.get(), &KafkaCallbacks::report);
  char reason[512];
  made->client_ = rd_kafka_new(role == KafkaRole::producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, configuration.get(),
                               reason, sizeof reason);
  if (made->client_ == nullptr)
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("the Kafka client cannot be made: {}", redacted(reason, cluster.properties)));
  configuration.release();  // it belongs to the client now
  made->queue_ =
      role == KafkaRole::producer ? rd_kafka_queue_get_main(made->client_) : rd_kafka_queue_new(made->client_);
  made->role_ = role;
  return made;
}

KafkaClient::~KafkaClient() {
  if (queue_ != nullptr) {
    rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
    rd_kafka_queue_destroy(queue_);
  }
  for (const auto& [name, handle] : topics_) rd_kafka_topic_destroy(handle);
  if (client_ != nullptr) end_client(client_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void KafkaClient::wake_on_events() {
  if (role_ == KafkaRole::consumer) {
    rd_kafka_queue_t* main = rd_kafka_queue_get_main(client_);
    rd_kafka_queue_forward(main, queue_);
    rd_kafka_queue_destroy(main);
  }
  const std::uint64_t one = 1;
  rd_kafka_queue_io_event_enable(queue_, wake_fd_, &one, sizeof one);
}

void KafkaClient::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void KafkaClient::drain_wake() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &count, sizeof count);
}

void KafkaClient::on_error(rd_kafka_s* client, int error, const char* reason, void* self) {
  auto& kafka = *static_cast<KafkaClient*>(self);
  const std::string text = redacted(reason, kafka.properties_);
  switch (error) {
    case RD_KAFKA_RESP_ERR__FATAL: {
      char fatal[512];
      rd_kafka_fatal_error(client, fatal, sizeof fatal);
      kafka.fatal_ = fatal;
      return;
    }
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: kafka.fatal_ = text + scram_hint(text); return;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: return;  // says less than the complaints before it
    default: break;
  }
  // Most troubles of TLS pass, as a broker that goes away in the middle of a handshake; a certificate that does not fit
  // stays so.
  if (is_certificate_trouble(text)) kafka.fatal_ = text;
  if (is_absent_topic(error)) {
    kafka.topic_doubt_ = true;
  } else {
    kafka.complaint_ = kafka.last_complaint_ = text;
  }
}

void KafkaClient::on_report(rd_kafka_s*, const rd_kafka_message_s* message, void* self) {
  auto& kafka = *static_cast<KafkaClient*>(self);
  if (kafka.on_delivery) kafka.on_delivery(message->err);
}

TopicAnswer KafkaClient::ask_topic(const std::string& topic) const {
  TopicAnswer answer;
  const std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> handle(
      rd_kafka_topic_new(client_, topic.c_str(), nullptr), &rd_kafka_topic_destroy);
  if (!handle) return answer.error = rd_kafka_last_error(), answer;
  const struct rd_kafka_metadata* metadata = nullptr;
  answer.error = rd_kafka_metadata(client_, 0, handle.get(), &metadata, kRequestMs);
  if (answer.error != RD_KAFKA_RESP_ERR_NO_ERROR) return answer;
  const std::unique_ptr<const struct rd_kafka_metadata, void (*)(const struct rd_kafka_metadata*)> owned(
      metadata, &rd_kafka_metadata_destroy);
  answer.answered = true;
  if (metadata->topic_cnt != 1) return answer.error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, answer;
  const rd_kafka_metadata_topic& found = metadata->topics[0];
  answer.error = found.err == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt == 0
                     ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                     : found.err;
  for (int i = 0; i < found.partition_cnt; ++i) answer.partitions.push_back(found.partitions[i].id);
  std::sort(answer.partitions.begin(), answer.partitions.end());
  return answer;
}

Error KafkaClient::no_topic(const std::string& topic) const {
  return Error::user(
      ErrorCode::not_found,
      fmt::format("Kafka at {} has no topic '{}': create it first, or correct the name", brokers_, topic));
}

std::string KafkaClient::setting(const char* name) const {
  char value[512];
  std::size_t size = sizeof value;
  return rd_kafka_conf_get(rd_kafka_conf(client_), name, value, &size) == RD_KAFKA_CONF_OK ? std::string(value)
                                                                                           : std::string();
}

Result<rd_kafka_topic_s*> KafkaClient::topic(const std::string& name) {
  rd_kafka_topic_t*& handle = topics_[name];
  if (handle == nullptr) handle = rd_kafka_topic_new(client_, name.c_str(), nullptr);
  if (handle == nullptr)
    return Error::internal(fmt::format("the Kafka client has no handle for the topic '{}': {}", name,
                                       rd_kafka_err2str(rd_kafka_last_error())));
  return handle;
}

Result<std::vector<std::int32_t>> KafkaClient::await_partitions(const std::string& topic,
                                                                steady_clock::time_point deadline,
                                                                const std::atomic<bool>& stop) {
  const auto grace = std::min(deadline, steady_clock::now() + kTopicGrace);
  for (;;) {
    if (stop.load(std::memory_order_relaxed))
      return Error::external(ErrorCode::cancelled, "cancelled while waiting for Kafka");
    TopicAnswer answer = ask_topic(topic);
    rd_kafka_poll(client_, 0);  // complaints
    if (!fatal_.empty())
      return Error::user(ErrorCode::permission_denied,
                         fmt::format("Kafka at {} refuses this client: {}", brokers_, fatal_));
    const auto error = static_cast<rd_kafka_resp_err_t>(answer.error);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return std::move(answer.partitions);
    if (!answer.answered) {
      if (steady_clock::now() < deadline) continue;
      return Error::external(ErrorCode::unavailable,
                             fmt::format("no Kafka broker answers at {}: {}", brokers_,
                                         last_complaint_.empty() ? rd_kafka_err2str(error) : last_complaint_));
    }
    if (is_absent_topic(error) && steady_clock::now() >= grace) return no_topic(topic);
    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
        steady_clock::now() >= deadline)
      return Error::user(ErrorCode::failed_precondition,
                         fmt::format("the Kafka topic '{}' cannot be used: {}", topic, rd_kafka_err2str(error)));
    std::this_thread::sleep_for(kPause);
  }
}

TopicPresence KafkaClient::presence(const std::string& topic, const std::atomic<bool>& stop) const {
  for (const auto end = steady_clock::now() + kTopicGrace; !stop.load(std::memory_order_relaxed);
       std::this_thread::sleep_for(kPause)) {
    const TopicAnswer answer = ask_topic(topic);
    if (!answer.answered) return TopicPresence::unknown;
    if (!is_absent_topic(answer.error))
      return answer.error == RD_KAFKA_RESP_ERR_NO_ERROR ? TopicPresence::there : TopicPresence::unknown;
    if (steady_clock::now() >= end) return TopicPresence::gone;
  }
  return TopicPresence::unknown;
}

void BackgroundWork::run(std::function<Result<void>(const std::atomic<bool>& stop)> work, KafkaClient& wake) {
  done_.store(false, std::memory_order_relaxed);
  thread_ = std::thread([this, work = std::move(work), &wake] {
    result_ = work(stop_);
    done_.store(true, std::memory_order_release);
    wake.wake();
  });
}

Result<void> BackgroundWork::take_result() {
  if (thread_.joinable()) thread_.join();
  return std::exchange(result_, {});
}

void BackgroundWork::stop() noexcept {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::connectors

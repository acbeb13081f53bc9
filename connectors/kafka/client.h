// One librdkafka client: its options, its errors, the descriptor that wakes the slot, and the questions that block.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/connectors/kafka.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_message_s;
struct rd_kafka_topic_s;

namespace weir::connectors {

enum class KafkaRole : std::uint8_t { consumer, producer };

enum class TopicPresence : std::uint8_t { there, gone, unknown };

/// What a broker says about a topic.
struct TopicAnswer {
  int error = 0;                         ///< 0, or librdkafka's code: of the request, or of the topic
  bool answered = false;                 ///< whether a broker spoke at all
  std::vector<std::int32_t> partitions;  ///< ascending
};

/// Lives on: one thread at a time: the background thread while a start is under way, the slot's afterwards; ask_topic()
/// on any. Owned by a reader or producer. Its end takes a bounded time.
class KafkaClient {
 public:
  /// @param fixed  options that Weir needs as they are; a user's property of that name is refused
  /// @param usual  options that a user's property may replace
  static Result<std::unique_ptr<KafkaClient>> create(KafkaRole role, const KafkaCluster& cluster,
                                                     const KafkaProperties& fixed, const KafkaProperties& usual);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_s* get() const { return client_; }
  /// The queue whose events wake the slot: messages of a consumer, delivery reports of a producer, and errors.
  rd_kafka_queue_s* queue() const { return queue_; }
  /// Makes events of the queue write to wake_fd(). Once. From now on queue() is to be asked for everything.
  void wake_on_events();
  int wake_fd() const { return wake_fd_; }
  void wake();
  /// Forgets the wake-ups so far.
  void drain_wake();

  /// The partitions of a topic, after waiting for a broker and, for a moment, for a topic that was made just now.
  /// Blocks until `deadline`; ends early when `stop` is set. Errors: one sentence that names brokers or topic and the
  /// reason.
  Result<std::vector<std::int32_t>> await_partitions(const std::string& topic,
                                                     std::chrono::steady_clock::time_point deadline,
                                                     const std::atomic<bool>& stop);

  /// One question to the brokers, for a second and a half at most. Any thread.
  TopicAnswer ask_topic(const std::string& topic) const;
  /// Whether the brokers have a topic; gone when they say so for two seconds. Blocks a little longer than that at most.
  /// Any thread.
  TopicPresence presence(const std::string& topic, const std::atomic<bool>& stop) const;
  /// "Kafka at HOST:PORT has no topic 'x': create it first, or correct the name"
  Error no_topic(const std::string& topic) const;

  /// The value of one of librdkafka's options as it is in force; empty when there is no such option.
  std::string setting(const char* name) const;

  /// The handle of a topic, which lives as long as the client. Slot's thread.
  Result<rd_kafka_topic_s*> topic(const std::string& name);

  /// What the client last complained about; empty when it has not. Complaints do not end anything: it goes on trying.
  std::string take_complaint() { return std::exchange(complaint_, {}); }
  /// Something that trying again does not mend; empty while there is none.
  const std::string& fatal() const { return fatal_; }

  /// Whether a broker has said since the last call that it does not know a topic or partition in use. It may be wrong
  /// for a moment.
  bool take_topic_doubt() { return std::exchange(topic_doubt_, false); }

  /// Called for each delivery report of a producer: 0 or librdkafka's error code.
  std::function<void(int error)> on_delivery;

 private:
  KafkaClient() = default;
  static void on_error(rd_kafka_s* client, int error, const char* reason, void* self);
  static void on_report(rd_kafka_s* client, const rd_kafka_message_s* message, void* self);
  friend struct KafkaCallbacks;

  std::string brokers_;
  KafkaProperties properties_;
  KafkaRole role_ = KafkaRole::consumer;
  rd_kafka_s* client_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
  std::map<std::string, rd_kafka_topic_s*> topics_;
  int wake_fd_ = -1;
  std::string complaint_;
  std::string last_complaint_;
  std::string fatal_;
  bool topic_doubt_ = false;
};

/// Whether the properties are ones that librdkafka knows and Weir leaves to the user.
Result<void> check_kafka_properties(const KafkaCluster& cluster, const KafkaProperties& fixed);

/// Whether librdkafka's error code says that a topic or partition is not there.
bool is_absent_topic(int error);

/// Whether Kafka allows the name.
Result<void> check_kafka_topic(const std::string& name);

/// Runs a piece of blocking work beside the slot's thread, and wakes the slot when it is done. The work reads and
/// writes what the slot leaves alone until done(). Lives on: the slot's thread.
class BackgroundWork {
 public:
  BackgroundWork() = default;
  ~BackgroundWork() { stop(); }
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;

  /// Not while another piece is under way.
  /// @param work  gets a flag that asks it to end early; answers within two seconds of that
  void run(std::function<Result<void>(const std::atomic<bool>& stop)> work, KafkaClient& wake);
  /// Whether a piece was begun whose result was not taken.
  bool pending() const { return thread_.joinable(); }
  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Once for each piece, after done().
  Result<void> take_result();
  /// Asks the work to end and waits for it.
  void stop() noexcept;

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  Result<void> result_;
  std::thread thread_;
};

}  // namespace weir::connectors

// One librdkafka client: its options, its errors, the descriptor that wakes the slot, and the questions that block.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/connectors/kafka.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_message_s;

namespace weir::connectors {

enum class KafkaRole : std::uint8_t { consumer, producer };

/// Lives on: one thread at a time: the background thread while a start is under way, the slot's afterwards. Owned by a reader or producer.
class KafkaClient {
 public:
  /// @param fixed  options that Weir needs as they are; a user's property of that name is refused
  /// @param usual  options that a user's property may replace
  static Result<std::unique_ptr<KafkaClient>> create(KafkaRole role, const KafkaCluster& cluster, const KafkaProperties& fixed, const KafkaProperties& usual);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_s* get() const { return client_; }
  /// The queue whose events wake the slot: messages of a consumer, delivery reports of a producer.
  rd_kafka_queue_s* queue() const { return queue_; }
  /// Makes events of the queue write to wake_fd(). Once.
  void wake_on_events();
  int wake_fd() const { return wake_fd_; }
  void wake();
  /// Forgets the wake-ups so far.
  void drain_wake();

  /// The partitions of a topic, after waiting for a broker and, for a moment, for a topic that was made just now.
  /// Blocks until `deadline`; ends early when `stop` is set. Errors: one sentence that names brokers or topic and the reason.
  Result<std::vector<std::int32_t>> await_partitions(const std::string& topic, std::chrono::steady_clock::time_point deadline, const std::atomic<bool>& stop);

  /// What the client last complained about; empty when it has not. Complaints do not end anything: it goes on trying.
  std::string take_complaint() { return std::exchange(complaint_, {}); }
  /// Something that trying again does not mend; empty while there is none.
  const std::string& fatal() const { return fatal_; }

  /// Called for each delivery report of a producer: 0 or librdkafka's error code.
  std::function<void(int error)> on_delivery;

 private:
  KafkaClient() = default;
  static void on_error(rd_kafka_s* client, int error, const char* reason, void* self);
  static void on_report(rd_kafka_s* client, const rd_kafka_message_s* message, void* self);
  friend struct KafkaCallbacks;

  std::string brokers_;
  rd_kafka_s* client_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
  int wake_fd_ = -1;
  std::string complaint_;
  std::string last_complaint_;
  std::string fatal_;
};

/// Whether the properties are ones that librdkafka knows and Weir leaves to the user.
Result<void> check_kafka_properties(const KafkaCluster& cluster, const KafkaProperties& fixed);

/// Whether Kafka allows the name.
Result<void> check_kafka_topic(const std::string& name);

/// Runs one piece of blocking work beside the slot's thread, and wakes the slot when it is done. The work reads and writes what the slot
/// leaves alone until done().
/// Lives on: the slot's thread.
class BackgroundStart {
 public:
  BackgroundStart() = default;
  ~BackgroundStart() { stop(); }
  BackgroundStart(const BackgroundStart&) = delete;
  BackgroundStart& operator=(const BackgroundStart&) = delete;

  /// @param work  gets a flag that asks it to end early; answers within a second of that
  void run(std::function<Result<void>(const std::atomic<bool>& stop)> work, KafkaClient& wake);
  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Once, after done().
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

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/try.h"
#include "connectors/kafka/client.h"
#include "connectors/kafka/group_offsets.h"
#include "connectors/kafka/partitions.h"
#include "weir/block.h"
#include "weir/bytes.h"
#include "weir/connectors/kafka.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kMessagesMax = kBlockRowsMax;
/// A poll hands on about this much, so that one of long messages does not need the whole pool.
constexpr std::size_t kPollBytesMax = 256 * 1024;
/// librdkafka's wake-up is trusted, but not alone.
constexpr std::int64_t kCheckMs = 100;
constexpr std::int64_t kCommitMs = 5000;
/// How often doubts about a topic are looked into.
constexpr std::int64_t kDoubtMs = 1000;
constexpr std::int64_t kLastCommitMs = 2000;

const KafkaProperties& fixed_properties() {
  static const KafkaProperties properties{{"enable.auto.commit", "false"},
                                          {"enable.auto.offset.store", "false"},
                                          {"auto.offset.reset", "error"},
                                          {"enable.partition.eof", "true"}};
  return properties;
}

KafkaProperties usual_properties() {
  return {{"isolation.level", "read_committed"},
          {"allow.auto.create.topics", "false"},
          {"queued.max.messages.kbytes", "16384"},
          {"fetch.error.backoff.ms", "100"}};
}

/// Lives on: the slot's thread. A start beside it asks the brokers; after it each partition is read from an offset of
/// our own. Partitions that come later are found beside it, too. The client is librdkafka's simple consumer: with
/// assign(), librdkafka 2.0.2 makes a partition whose topic was deleted refer to itself when it is given back, and its
/// destructor then waits for ever.
class KafkaReader final : public RawReader {
 public:
  explicit KafkaReader(KafkaSourceOptions options) : options_(std::move(options)) {}
  ~KafkaReader() override { close(); }

  Result<void> open(OperatorContext& context) override {
    context_ = &context;
    question_.subtask = context.subtask_index();
    question_.subtasks = context.parallelism();
    if (context.restored() != nullptr) TRY_VOID(restore(*context.restored()));
    dropped_ = context.counter("numMessagesDroppedBelowOffset");
    TRY(client_, KafkaClient::create(KafkaRole::consumer, options_.cluster, fixed_properties(), usual_properties()));
    if (!options_.group.empty()) {
      TRY(group_, GroupOffsets::create(options_.cluster, options_.group, client_->wake_fd()));
    }
    beside_.run(
        [this](const std::atomic<bool>& stop) -> Result<void> {
          TRY(partitions_, resolve_partitions(*client_, group_.get(), options_, question_, stop));
          return {};
        },
        *client_);
    return {};
  }

  Result<Progress> poll(std::vector<RawRecord>& records, std::size_t rows_max) override {
    client_->drain_wake();
    if (!started_) {
      if (!beside_.done()) return Progress::blocked_on(client_->wake_fd());
      TRY_VOID(beside_.take_result());
      TRY_VOID(start());
    }
    TRY_VOID(discover());
    release_handed();
    if (handed_ == messages_.size()) fetch();
    TRY_VOID(hand_on(records, rows_max));
    report_complaint();
    if (!client_->fatal().empty())
      return Error::external(ErrorCode::unavailable, "the Kafka client gave up: " + client_->fatal());
    commit_now_and_then();
    if (!records.empty() || handed_ < messages_.size() || fetched_) return Progress::more();
    if (std::all_of(partitions_.begin(), partitions_.end(), [](const ReadPartition& p) { return p.done(); }) &&
        options_.bounded)
      return finish();
    return Progress::blocked_on(client_->wake_fd(), context_->now_ms() + kCheckMs);
  }

  std::string place(std::size_t index) const override {
    const rd_kafka_message_t* message = handed_messages_[index];
    return fmt::format("{}-{}@{}", rd_kafka_topic_name(message->rkt), message->partition, message->offset);
  }

  Result<void> snapshot(SnapshotContext& context) override {
    // Before the start is done, nothing has been read: the state is what was restored. Those of other subtasks are
    // theirs to note.
    PartitionOffsets offsets = question_.restored;
    if (started_) {
      for (const ReadPartition& partition : partitions_)
        offsets[{partition.topic, partition.partition}] = partition.next;
    }
    ByteWriter bytes;
    for (const auto& [partition, next] : offsets) {
      bytes.clear();
      bytes.put(next);
      context.add_position({partition.first, static_cast<std::uint64_t>(partition.second)}, bytes.view());
    }
    return {};
  }

  void close() noexcept override {
    beside_.stop();
    release_handed();
    for (std::size_t i = handed_; i < messages_.size(); ++i) rd_kafka_message_destroy(messages_[i]);
    messages_.clear();
    handed_ = 0;
    group_.reset();
    client_.reset();
  }

 private:
  /// Takes up the offsets of the partitions that this subtask owns.
  Result<void> restore(const RestoredState& state) {
    question_.has_state = true;
    for (const auto& [split, position] : state.positions()) {
      ByteReader in(position);
      std::int64_t next = 0;
      if (!in.get(next) || split.index > INT32_MAX)
        return Error::external(ErrorCode::corrupt, "the Kafka source's state is damaged");
      question_.restored[{split.name, static_cast<std::int32_t>(split.index)}] = next;
    }
    return {};
  }

  Result<void> start() {
    started_ = true;
    client_->wake_on_events();
    next_commit_ms_ = context_->now_ms() + kCommitMs;
    next_discovery_ms_ = context_->now_ms() + options_.discovery_interval.count();
    for (const ReadPartition& partition : partitions_) TRY_VOID(read(partition));
    return {};
  }

  Result<void> read(const ReadPartition& partition) {
    if (partition.done()) return {};
    TRY(rd_kafka_topic_t * topic, client_->topic(partition.topic));
    context_->log(LogLevel::info,
                  fmt::format("reading {}-{} from offset {}", partition.topic, partition.partition, partition.next));
    if (rd_kafka_consume_start_queue(topic, partition.partition, partition.next, client_->queue()) == 0) return {};
    return Error::internal(fmt::format("the Kafka client does not read {}-{}: {}", partition.topic, partition.partition,
                                       rd_kafka_err2str(rd_kafka_last_error())));
  }

  /// Looks for new partitions now and then, and at once when a broker does not know one.
  Result<void> discover() {
    if (beside_.pending()) {
      if (!beside_.done()) return {};
      TRY_VOID(beside_.take_result());
      // A client says only once that a topic is not there: what the brokers did not tell is asked again.
      if (!found_.complete) doubtful_ = true;
      for (ReadPartition& partition : found_.fresh) {
        partitions_.push_back(std::move(partition));
        TRY_VOID(read(partitions_.back()));
      }
      found_ = {};
      last_topic_ = nullptr;  // the partitions have moved
      return {};
    }
    const std::int64_t now_ms = context_->now_ms();
    if (client_->take_topic_doubt()) doubtful_ = true;
    const bool is_due = options_.discovery_interval.count() > 0 && !options_.bounded && now_ms >= next_discovery_ms_;
    if (!is_due && !(doubtful_ && now_ms >= next_check_ms_)) return {};
    doubtful_ = false;
    next_check_ms_ = now_ms + kDoubtMs;
    next_discovery_ms_ = now_ms + options_.discovery_interval.count();
    KnownPartitions known;
    for (const ReadPartition& partition : partitions_) known.emplace(partition.topic, partition.partition);
    beside_.run(
        [this, known = std::move(known)](const std::atomic<bool>& stop) -> Result<void> {
          TRY(found_, discover_partitions(*client_, options_, question_, known, stop));
          if (options_.bounded) found_.fresh.clear();
          return {};
        },
        *client_);
    return {};
  }

  void release_handed() {
    for (std::size_t i = released_; i < handed_; ++i) rd_kafka_message_destroy(messages_[i]);
    released_ = handed_;
    handed_messages_.clear();
  }

  void fetch() {
    messages_.resize(kMessagesMax);
    const ssize_t count = rd_kafka_consume_batch_queue(client_->queue(), 0, messages_.data(), messages_.size());
    messages_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    handed_ = released_ = 0;
    fetched_ = !messages_.empty();
  }

  Result<void> hand_on(std::vector<RawRecord>& records, std::size_t rows_max) {
    std::size_t bytes = 0;
    while (handed_ < messages_.size() && records.size() < rows_max && bytes < kPollBytesMax) {
      const rd_kafka_message_t* message = messages_[handed_++];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        TRY_VOID(take_event(*message));
      } else {
        bytes += message->len;
        TRY_VOID(take_message(*message, records));
      }
    }
    return {};
  }

  ReadPartition* find(const rd_kafka_message_t& message) {
    if (message.rkt == nullptr) return nullptr;
    if (message.rkt == last_topic_ && last_ != nullptr && last_->partition == message.partition) return last_;
    const std::string_view topic(rd_kafka_topic_name(message.rkt));
    for (ReadPartition& partition : partitions_) {
      if (partition.partition != message.partition || partition.topic != topic) continue;
      last_topic_ = message.rkt;
      last_ = &partition;
      return last_;
    }
    return nullptr;
  }

  Result<void> take_message(const rd_kafka_message_t& message, std::vector<RawRecord>& records) {
    ReadPartition* partition = find(message);
    if (partition == nullptr || message.offset >= partition->end) return {};
    if (message.offset < partition->next) {
      dropped_->add(1);
      std::int64_t low = -1, high = -1;
      rd_kafka_get_watermark_offsets(client_->get(), partition->topic.c_str(), partition->partition, &low, &high);
      return high >= 0 && high < partition->next ? cut_back(*partition, high) : Result<void>();
    }
    partition->next = message.offset + 1;
    RawRecord record;
    record.bytes = {static_cast<const char*>(message.payload), message.len};
    if (message.payload == nullptr) record.broken = "the message has no value";
    rd_kafka_timestamp_type_t kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const std::int64_t time_ms = rd_kafka_message_timestamp(&message, &kind);
    if (kind != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && time_ms >= 0) record.timestamp_ms = time_ms;
    records.push_back(record);
    handed_messages_.push_back(&message);
    return {};
  }

  /// What comes in a message's place: the end of a partition, or trouble.
  Result<void> take_event(const rd_kafka_message_t& event) {
    ReadPartition* partition = find(event);
    if (is_absent_topic(event.err)) return doubtful_ = true, Result<void>();
    switch (event.err) {
      case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (partition == nullptr) return {};
        if (event.offset < partition->next) return cut_back(*partition, event.offset);
        partition->next = event.offset;  // behind the last message lie the marks of transactions
        return {};
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return Error::external(
            ErrorCode::failed_precondition,
            fmt::format("{}-{} has no offset {} any more: retention has removed it, or the topic was made anew",
                        rd_kafka_topic_name(event.rkt), event.partition,
                        partition == nullptr ? event.offset : partition->next));
      case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return Error::user(ErrorCode::permission_denied,
                           fmt::format("Kafka refuses to be read: {}", rd_kafka_message_errstr(&event)));
      default:
        // The client goes on trying: brokers come back and leaders move.
        context_->log(LogLevel::warn, fmt::format("Kafka: {}", rd_kafka_message_errstr(&event)));
        return {};
    }
  }

  static Result<void> cut_back(const ReadPartition& partition, std::int64_t end) {
    return Error::external(
        ErrorCode::failed_precondition,
        fmt::format("{}-{} ends at offset {}, but was read up to {} before: the topic was cut back or made anew",
                    partition.topic, partition.partition, end, partition.next));
  }

  void report_complaint() {
    const std::string complaint = client_->take_complaint();
    if (!complaint.empty()) context_->log(LogLevel::warn, "Kafka: " + complaint);
  }

  void commit_now_and_then() {
    if (group_ == nullptr || context_->now_ms() < next_commit_ms_ || group_->pending() > 0) return;
    next_commit_ms_ = context_->now_ms() + kCommitMs;
    commit();
  }

  /// For people to watch; it may fail.
  void commit() {
    const std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)> list(
        rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())),
        &rd_kafka_topic_partition_list_destroy);
    for (const ReadPartition& partition : partitions_)
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
          partition.next;
    if (list->cnt > 0) group_->commit(list.get());
  }

  /// Everything is read: one last commit, waited for a moment, then the end.
  Result<Progress> finish() {
    if (!finishing_) {
      finishing_ = true;
      last_commit_deadline_ms_ = context_->now_ms() + kLastCommitMs;
      if (group_ != nullptr) commit();
    }
    if (group_ != nullptr && group_->pending() > 0 && context_->now_ms() < last_commit_deadline_ms_)
      return Progress::blocked_on(client_->wake_fd(), context_->now_ms() + kCheckMs);
    return Progress::finished();
  }

  KafkaSourceOptions options_;
  PartitionQuestion question_;
  OperatorContext* context_ = nullptr;
  Counter* dropped_ = nullptr;
  std::unique_ptr<KafkaClient> client_;
  std::unique_ptr<GroupOffsets> group_;    // when the source names a group; the start's until that is done
  std::vector<ReadPartition> partitions_;  // the start's until it is done
  Discovery found_;                        // the discovery's until it is done
  BackgroundWork beside_;                  // after what its work uses
  bool started_ = false;
  bool doubtful_ = false;  // whether a topic is still there
  std::int64_t next_discovery_ms_ = 0;
  std::int64_t next_check_ms_ = 0;

  std::vector<rd_kafka_message_t*>
      messages_;  // of the last fetch: [0, released_) destroyed, [released_, handed_) with the caller
  std::size_t released_ = 0;
  std::size_t handed_ = 0;
  bool fetched_ = false;
  std::vector<const rd_kafka_message_t*> handed_messages_;  // those that became records
  const rd_kafka_topic_t* last_topic_ = nullptr;
  ReadPartition* last_ = nullptr;

  std::int64_t next_commit_ms_ = 0;
  std::int64_t last_commit_deadline_ms_ = 0;
  bool finishing_ = false;
};

}  // namespace

Result<void> check_kafka_source(const KafkaSourceOptions& options) {
  for (const std::string& topic : options.topics) TRY_VOID(check_kafka_topic(topic));
  if (options.cluster.properties.contains("group.id"))
    return Error::user(
        ErrorCode::invalid_argument,
        "the Kafka property group.id cannot be set: name the group to the source itself, which joins none");
  if (options.start.kind == KafkaStart::Kind::group && options.group.empty())
    return Error::user(ErrorCode::invalid_argument, "to start at a group's committed offsets, the group must be named");
  return check_kafka_properties(options.cluster, fixed_properties());
}

std::unique_ptr<RawReader> make_kafka_reader(KafkaSourceOptions options) {
  return std::make_unique<KafkaReader>(std::move(options));
}

}  // namespace weir::connectors

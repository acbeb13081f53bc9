#include "connectors/kafka/partitions.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>

#include "common/base/try.h"
#include "weir/snapshot.h"

namespace weir::connectors {
namespace {

using std::chrono::steady_clock;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)>;

/// A broker answers one request of a connection after the other, and a fetch without news takes fetch.wait.max.ms
/// (500): a question must be able to wait behind one.
constexpr int kRequestMs = 1'500;

/// Asks until there is an answer, the deadline has come or somebody wants an end.
class Asker {
 public:
  Asker(KafkaClient& client, steady_clock::time_point deadline, const std::atomic<bool>& stop)
      : client_(client), deadline_(deadline), stop_(stop) {}

  template <class Ask>
  Result<void> ask(const std::string& what, Ask&& request) {
    for (;;) {
      if (stop_.load(std::memory_order_relaxed))
        return Error::external(ErrorCode::cancelled, "cancelled while waiting for Kafka");
      const rd_kafka_resp_err_t error = request(kRequestMs);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
      rd_kafka_poll(client_.get(), 0);
      if (steady_clock::now() >= deadline_)
        return Error::external(ErrorCode::unavailable,
                               fmt::format("Kafka does not tell {}: {}", what, rd_kafka_err2str(error)));
    }
  }

 private:
  KafkaClient& client_;
  steady_clock::time_point deadline_;
  const std::atomic<bool>& stop_;
};

struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

std::string place(const ReadPartition& partition) { return fmt::format("{}-{}", partition.topic, partition.partition); }

Result<Range> ask_range(KafkaClient& client, Asker& asker, const ReadPartition& partition) {
  Range range;
  TRY_VOID(asker.ask("the offsets of " + place(partition), [&](int limit_ms) {
    return rd_kafka_query_watermark_offsets(client.get(), partition.topic.c_str(), partition.partition, &range.low,
                                            &range.high, limit_ms);
  }));
  return range;
}

/// One question about one partition that is answered in its `offset`.
template <class Ask>
Result<std::int64_t> ask_offset(Asker& asker, const std::string& what, const ReadPartition& partition,
                                std::int64_t given, Ask&& request) {
  const PartitionList list(rd_kafka_topic_partition_list_new(1), &rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_t* one =
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
  TRY_VOID(asker.ask(what, [&](int limit_ms) {
    one->offset = given;
    const rd_kafka_resp_err_t error = request(list.get(), limit_ms);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? one->err : error;
  }));
  return one->offset;
}

Result<std::int64_t> start_of(KafkaClient& client, Asker& asker, GroupOffsets* group, const KafkaStart& start,
                              const ReadPartition& partition, Range range) {
  switch (start.kind) {
    case KafkaStart::Kind::earliest: return range.low;
    case KafkaStart::Kind::latest: return range.high;
    case KafkaStart::Kind::timestamp: {
      TRY(const std::int64_t offset, ask_offset(asker, "the offset of a time in " + place(partition), partition,
                                                start.timestamp_ms, [&](auto* list, int limit_ms) {
                                                  return rd_kafka_offsets_for_times(client.get(), list, limit_ms);
                                                }));
      return offset >= 0 ? offset : range.high;  // nothing is that young
    }
    case KafkaStart::Kind::offsets: {
      const auto found = start.offsets.find(partition.partition);
      return found == start.offsets.end() ? range.low : found->second;
    }
    case KafkaStart::Kind::group: {
      TRY(const std::int64_t offset, ask_offset(asker, "the committed offset of " + place(partition), partition,
                                                RD_KAFKA_OFFSET_INVALID, [&](auto* list, int limit_ms) {
                                                  return static_cast<rd_kafka_resp_err_t>(group->ask(list, limit_ms));
                                                }));
      if (offset >= 0) return offset;
      return start.without_commit == KafkaStart::Kind::latest ? range.high : range.low;
    }
  }
  return range.low;
}

bool is_own(const std::string& topic, std::int32_t partition, const PartitionQuestion& question) {
  return owner_of_split(topic, static_cast<std::uint64_t>(partition), question.subtasks) == question.subtask;
}

}  // namespace

Result<std::vector<ReadPartition>> resolve_partitions(KafkaClient& client, GroupOffsets* group,
                                                      const KafkaSourceOptions& options,
                                                      const PartitionQuestion& question,
                                                      const std::atomic<bool>& stop) {
  const auto deadline = steady_clock::now() + options.cluster.connect_timeout;
  Asker asker(client, deadline, stop);
  std::vector<ReadPartition> own;
  for (const std::string& topic : options.topics) {
    TRY(const std::vector<std::int32_t> ids, client.await_partitions(topic, deadline, stop));
    for (const std::int32_t id : ids) {
      if (!is_own(topic, id, question)) continue;
      ReadPartition partition{.topic = topic, .partition = id};
      TRY(const Range range, ask_range(client, asker, partition));
      const auto restored = question.restored.find({topic, id});
      // A partition that has come since the state was written is read from its beginning: nothing of it was.
      const bool known = restored != question.restored.end();
      const KafkaStart start = question.has_state ? KafkaStart::earliest() : options.start;
      if (known) {
        partition.next = restored->second;
      } else {
        TRY(partition.next, start_of(client, asker, group, start, partition, range));
      }
      if (partition.next < range.low || partition.next > range.high) {
        return Error::user(ErrorCode::failed_precondition,
                           fmt::format("{} cannot be read from offset {}: it holds offsets {} to {}; retention has "
                                       "removed the rest, or the topic was made anew",
                                       place(partition), partition.next, range.low, range.high));
      }
      if (options.bounded) partition.end = range.high;
      own.push_back(std::move(partition));
    }
  }
  return own;
}

Result<Discovery> discover_partitions(KafkaClient& client, const KafkaSourceOptions& options,
                                      const PartitionQuestion& question, const KnownPartitions& known,
                                      const std::atomic<bool>& stop) {
  Discovery discovery;
  for (const std::string& topic : options.topics) {
    const TopicPresence presence = client.presence(topic, stop);
    if (presence == TopicPresence::gone)
      return Error::external(ErrorCode::not_found,
                             fmt::format("the Kafka topic '{}' is gone while it is being read", topic));
    const TopicAnswer answer = presence == TopicPresence::there ? client.ask_topic(topic) : TopicAnswer();
    if (!answer.answered || answer.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      discovery.complete = false;
      continue;
    }
    for (const std::int32_t id : answer.partitions) {
      if (!is_own(topic, id, question) || known.contains({topic, id})) continue;
      ReadPartition partition{.topic = topic, .partition = id};
      std::int64_t high = 0;
      // A partition may have no leader as yet.
      if (rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), id, &partition.next, &high, kRequestMs) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
        discovery.fresh.push_back(std::move(partition));
      } else {
        discovery.complete = false;
      }
    }
  }
  return discovery;
}

}  // namespace weir::connectors

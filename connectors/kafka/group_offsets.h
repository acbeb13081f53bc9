// The offsets of a consumer group that nobody joins: told for people to watch, asked for at a start.
#pragma once

#include <memory>
#include <string>

#include "connectors/kafka/client.h"

struct rd_kafka_topic_partition_list_s;

namespace weir::connectors {

/// Commits through a client of its own, which reads nothing. With a `group.id` a client of librdkafka 2.0.2 that also
/// reads partitions does not end; and the administration requests that need no group handler abort the process when one
/// of them finds its coordinator only after its time is up. Lives on: one thread at a time: the background thread asks
/// while a start is under way, the slot's commits afterwards. Owned by a reader.
class GroupOffsets {
 public:
  /// @param wake_fd  an eventfd that gets a 1 when an answer to a commit has come
  static Result<std::unique_ptr<GroupOffsets>> create(const KafkaCluster& cluster, const std::string& group,
                                                      int wake_fd);
  ~GroupOffsets();
  GroupOffsets(const GroupOffsets&) = delete;
  GroupOffsets& operator=(const GroupOffsets&) = delete;

  /// Asks for the committed offsets of the list's partitions, and writes them, or -1001 where there is none, and errors
  /// into it. Blocks for `limit_ms`.
  /// @return  0, or librdkafka's code of the whole request
  int ask(rd_kafka_topic_partition_list_s* list, int limit_ms);
  /// Asks for it and goes on. The brokers may refuse.
  void commit(const rd_kafka_topic_partition_list_s* offsets);
  /// Takes the answers that have come. @return  how many commits are without one
  int pending();

 private:
  explicit GroupOffsets(std::unique_ptr<KafkaClient> client) : client_(std::move(client)) {}

  // Set once
  const std::unique_ptr<KafkaClient> client_;
  rd_kafka_queue_s* answers_ = nullptr;
  // The slot's thread only
  int pending_ = 0;
};

}  // namespace weir::connectors

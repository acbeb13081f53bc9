// The offsets of a consumer group that nobody joins: told for people to watch, asked for at a start.
#pragma once

#include <cstdint>
#include <string>

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_partition_list_s;

namespace weir::connectors {

/// Commits through Kafka's administration requests. A client with a `group.id` has a group handler, and the end of librdkafka 2.0.2's does not come
/// when partitions are read without it; a client without one has none.
/// Lives on: the slot's thread. Owned by a reader; the client outlives it.
class GroupOffsets {
 public:
  /// @param wake_fd  an eventfd that gets a 1 when an answer has come
  GroupOffsets(rd_kafka_s* client, std::string group, int wake_fd);
  ~GroupOffsets();
  GroupOffsets(const GroupOffsets&) = delete;
  GroupOffsets& operator=(const GroupOffsets&) = delete;

  /// Asks for it and goes on. The brokers may refuse.
  void commit(const rd_kafka_topic_partition_list_s* offsets);
  /// Takes the answers that have come. @return  how many commits are without one
  int pending();

 private:
  // Set once
  rd_kafka_s* const client_;
  const std::string group_;
  rd_kafka_queue_s* const answers_;
  // The slot's thread only
  int pending_ = 0;
};

/// Asks for the committed offsets of the list's partitions, and writes them, or -1001 where there is none, and errors into it. Blocks for `limit_ms`.
/// @return  0, or librdkafka's code of the whole request
int ask_group_offsets(rd_kafka_s* client, const std::string& group, rd_kafka_topic_partition_list_s* list, int limit_ms);

}  // namespace weir::connectors

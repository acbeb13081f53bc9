// Which partitions a subtask reads, and from where: what is asked of the brokers before the first message.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connectors/kafka/client.h"
#include "connectors/kafka/group_offsets.h"

namespace weir::connectors {

using PartitionOffsets = std::map<std::pair<std::string, std::int32_t>, std::int64_t>;

/// One partition being read.
struct ReadPartition {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t next = 0;         ///< no message below this offset is handed on again
  std::int64_t end = INT64_MAX;  ///< bounded: read up to here
  bool done() const { return next >= end; }
};

struct PartitionQuestion {
  std::uint32_t subtask = 0;
  std::uint32_t subtasks = 1;
  bool has_state = false;     ///< an earlier run left its offsets: partitions without one are new
  PartitionOffsets restored;  ///< next offsets of this subtask's partitions in an earlier run
};

/// Asks for the partitions of all topics and for the offsets at which this subtask begins, and ends when bounded.
/// Blocks.
/// @param group  null when the source names none
/// Errors: broker or topic absent; an offset that the topic does not hold.
Result<std::vector<ReadPartition>> resolve_partitions(KafkaClient& client, GroupOffsets* group,
                                                      const KafkaSourceOptions& options,
                                                      const PartitionQuestion& question, const std::atomic<bool>& stop);

using KnownPartitions = std::set<std::pair<std::string, std::int32_t>>;

struct Discovery {
  std::vector<ReadPartition> fresh;
  bool complete = true;  ///< whether the brokers have told about every topic and new partition
};

/// Asks whether the topics have partitions of this subtask that are not known, which are to be read from their
/// beginning. Blocks for seconds. What the brokers do not tell now is left for the next time. Errors: a topic is gone.
Result<Discovery> discover_partitions(KafkaClient& client, const KafkaSourceOptions& options,
                                      const PartitionQuestion& question, const KnownPartitions& known,
                                      const std::atomic<bool>& stop);

}  // namespace weir::connectors

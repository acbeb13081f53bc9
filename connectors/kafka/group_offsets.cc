#include "connectors/kafka/group_offsets.h"

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <utility>

#include "common/base/try.h"

namespace weir::connectors {

Result<std::unique_ptr<GroupOffsets>> GroupOffsets::create(const KafkaCluster& cluster, const std::string& group,
                                                           int wake_fd) {
  const KafkaProperties fixed{
      {"group.id", group}, {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"}};
  TRY(auto client, KafkaClient::create(KafkaRole::consumer, cluster, fixed, {}));
  std::unique_ptr<GroupOffsets> made(new GroupOffsets(std::move(client)));
  made->answers_ = rd_kafka_queue_new(made->client_->get());
  const std::uint64_t one = 1;
  rd_kafka_queue_io_event_enable(made->answers_, wake_fd, &one, sizeof one);
  return made;
}

GroupOffsets::~GroupOffsets() {
  rd_kafka_queue_io_event_enable(answers_, -1, nullptr, 0);
  rd_kafka_queue_destroy(answers_);
}

int GroupOffsets::ask(rd_kafka_topic_partition_list_s* list, int limit_ms) {
  return rd_kafka_committed(client_->get(), list, limit_ms);
}

void GroupOffsets::commit(const rd_kafka_topic_partition_list_s* offsets) {
  if (rd_kafka_commit_queue(client_->get(), offsets, answers_, nullptr, nullptr) == RD_KAFKA_RESP_ERR_NO_ERROR)
    ++pending_;
}

int GroupOffsets::pending() {
  rd_kafka_poll(client_->get(), 0);  // complaints: the reader's client has the same ones
  while (rd_kafka_event_t* const answer = rd_kafka_queue_poll(answers_, 0)) {
    if (rd_kafka_event_type(answer) == RD_KAFKA_EVENT_OFFSET_COMMIT) --pending_;
    rd_kafka_event_destroy(answer);
  }
  return pending_;
}

}  // namespace weir::connectors

#include "connectors/kafka/group_offsets.h"

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string_view>
#include <utility>

namespace weir::connectors {

namespace {

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

constexpr int kCommitLimitMs = 5'000;
/// Beyond the limit that the request itself has: its answer then says so.
constexpr int kGraceMs = 500;

Owned<rd_kafka_AdminOptions_t> options_for(rd_kafka_t* client, rd_kafka_admin_op_t operation, int limit_ms) {
  Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, operation), &rd_kafka_AdminOptions_destroy);
  char reason[128];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), limit_ms, reason, sizeof reason);
  return options;
}

}  // namespace

GroupOffsets::GroupOffsets(rd_kafka_s* client, std::string group, int wake_fd)
    : client_(client), group_(std::move(group)), answers_(rd_kafka_queue_new(client)) {
  const std::uint64_t one = 1;
  rd_kafka_queue_io_event_enable(answers_, wake_fd, &one, sizeof one);
}

GroupOffsets::~GroupOffsets() {
  rd_kafka_queue_io_event_enable(answers_, -1, nullptr, 0);
  rd_kafka_queue_destroy(answers_);
}

void GroupOffsets::commit(const rd_kafka_topic_partition_list_s* offsets) {
  rd_kafka_AlterConsumerGroupOffsets_t* request = rd_kafka_AlterConsumerGroupOffsets_new(group_.c_str(), offsets);
  const auto options = options_for(client_, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, kCommitLimitMs);
  rd_kafka_AlterConsumerGroupOffsets(client_, &request, 1, options.get(), answers_);
  rd_kafka_AlterConsumerGroupOffsets_destroy(request);
  ++pending_;
}

int GroupOffsets::pending() {
  while (rd_kafka_event_t* const answer = rd_kafka_queue_poll(answers_, 0)) {
    --pending_;
    rd_kafka_event_destroy(answer);
  }
  return pending_;
}

int ask_group_offsets(rd_kafka_s* client, const std::string& group, rd_kafka_topic_partition_list_s* list, int limit_ms) {
  const Owned<rd_kafka_queue_t> answers(rd_kafka_queue_new(client), &rd_kafka_queue_destroy);
  const auto options = options_for(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, limit_ms);
  rd_kafka_ListConsumerGroupOffsets_t* request = rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list);
  rd_kafka_ListConsumerGroupOffsets(client, &request, 1, options.get(), answers.get());
  rd_kafka_ListConsumerGroupOffsets_destroy(request);
  const Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(answers.get(), limit_ms + kGraceMs), &rd_kafka_event_destroy);
  if (event == nullptr) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  std::size_t count = 0;
  const auto* const result = rd_kafka_event_ListConsumerGroupOffsets_result(event.get());
  const auto* const* const groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
  if (count != 1) return RD_KAFKA_RESP_ERR__BAD_MSG;
  if (const rd_kafka_error_t* const error = rd_kafka_group_result_error(groups[0])) return rd_kafka_error_code(error);
  const rd_kafka_topic_partition_list_t* const told = rd_kafka_group_result_partitions(groups[0]);
  for (int index = 0; index < list->cnt; ++index) {
    rd_kafka_topic_partition_t& asked = list->elems[index];
    asked.offset = RD_KAFKA_OFFSET_INVALID;
    for (int at = 0; told != nullptr && at < told->cnt; ++at) {
      const rd_kafka_topic_partition_t& one = told->elems[at];
      if (one.partition != asked.partition || std::string_view(one.topic) != asked.topic) continue;
      asked.offset = one.offset;
      asked.err = one.err;
    }
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace weir::connectors

// Everything that a slot needs to build one task: made on the control thread, used once on the slot's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/plan/deployment.h"
#include "taskmanager/exchange/local_channel.h"
#include "taskmanager/exchange/output_writer.h"
#include "taskmanager/exchange/partitioner.h"
#include "taskmanager/task/operator_chain.h"
#include "taskmanager/task/task_counters.h"
#include "weir/stream_graph.h"

namespace weir::taskmanager {

/// The other end of one channel. Small: a wide exchange has one per pair of tasks.
struct Peer {
  std::uint32_t subtask = 0;
  std::shared_ptr<LocalChannel> local;  ///< null: the task is in another process
};

/// The tasks at the other end of an exchange, in subtask order.
struct Peers {
  std::uint32_t vertex = 0;  ///< index in the job graph, and in the task's table
  std::string vertex_name;
  std::uint32_t parallelism = 0;
  std::vector<Peer> tasks;
};

struct InputSpec {
  std::uint32_t edge = 0;
  std::uint32_t input = 0;  ///< of the head operator
  RowLayout layout;
  std::uint32_t window = 1;  ///< blocks on their way per channel
  Peers producers;
  std::shared_ptr<GateSignals> signals;
};

struct OutputSpec {
  std::uint32_t edge = 0;
  RowLayout layout;
  Partitioner::Settings partitioner;
  const EdgeNode* plan = nullptr;  ///< outlives the task
  Peers consumers;
};

/// What is known of a task on every thread, from its deployment until all have forgotten it.
struct TaskRecord {
  // Set once
  ExecutionId execution;
  std::uint32_t slot = 0;
  std::string address;  ///< as it came in the descriptor, for statuses
  std::shared_ptr<TaskMetrics> metrics;
  // Written by the slot's thread, read by any
  std::atomic<bool> is_over{false};
};

struct TaskSpec {
  std::shared_ptr<TaskRecord> record;
  std::uint32_t slot = 0;
  std::uint32_t depth = 0;  ///< of the vertex: downstream is larger, and is stepped first
  TaskFacts facts;
  ChainPlan chain;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  FlushPolicy flush;
  std::shared_ptr<const plan::TaskTable> table;  ///< finds peers that are in other processes
};

}  // namespace weir::taskmanager

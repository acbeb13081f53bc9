// What a task's metrics cost: the same steps with and without the counting that follows each, in turn. The smallest
// record in the largest batches per second is the worst case.
#include <algorithm>
#include <memory>
#include <vector>

#include "common/async/clock.h"
#include "taskmanager/exchange/local_channel.h"
#include "taskmanager/exchange/slot_block_pool.h"
#include "taskmanager/task/task.h"
#include "tests/bench/engine_jobs.h"

namespace weir::bench {
namespace {

using namespace taskmanager;

constexpr int kSteps = 20'000;

/// A source of small records with one output to a ring that is read at once.
struct SteppedSource final : TaskEvents {
  SteppedSource()
      : pool(64u << 20),
        graph(job<SmallMaker>(UINT64_MAX, 1, false, Registers::clean, rows)),
        channel(std::make_shared<LocalChannel>(4, waker, waker)) {
    Task::Parts parts;
    parts.facts.task_name = "stepped";
    parts.metrics = std::make_shared<TaskMetrics>();
    parts.plan.nodes.push_back({&graph.operators[0], {}});
    parts.plan.nodes.back().links.push_back({.is_writer = true});
    std::vector<std::unique_ptr<OutputChannel>> channels;
    channels.push_back(std::make_unique<LocalOutput>(channel));
    parts.writers.push_back(std::make_unique<OutputWriter>(
        RowCodec<Small>::layout(), std::make_unique<Partitioner>(Partitioner::Settings{}, nullptr, nullptr),
        std::make_unique<OutputPartition>(std::move(channels), std::make_shared<FirstFailure>()), pool, FlushPolicy{}));
    task = std::make_unique<Task>(std::move(parts), OperatorChain::Surroundings{pool, clock, poller}, *this);
    task->start();
  }
  void on_task_status(const Task&, TaskStatus, const TaskFailure*) override {}
  /// Nanoseconds of CPU per step.
  double run(bool publishes) {
    const double before = cpu_seconds();
    for (int step = 0; step < kSteps; ++step) {
      clock.read();
      const std::int64_t began_us = clock.now_us();
      const StepOutcome outcome = task->step();
      if (publishes) task->publish(outcome, began_us);
      for (Element element; channel->pop(element);) drop(element);
    }
    return (cpu_seconds() - before) / kSteps * 1e9;
  }

  std::atomic<std::uint64_t> rows{0};
  SlotBlockPool pool;
  Waker waker;
  SystemClock system_clock;
  StepClock clock{system_clock};
  Poller poller;
  const StreamGraph graph;
  std::shared_ptr<LocalChannel> channel;
  std::unique_ptr<Task> task;
};

}  // namespace
}  // namespace weir::bench

int main(int argument_count, char** arguments) {
  using namespace weir::bench;
  const Printer printer(argument_count, arguments);
  SteppedSource source;
  source.run(true);
  double with = 1e9;
  double without = 1e9;
  for (int round = 0; round < 15; ++round) {
    without = std::min(without, source.run(false));
    with = std::min(with, source.run(true));
  }
  printer.print({.name = "step of a source, 1,024 small records, with metrics",
                 .value = with,
                 .unit = "ns",
                 .limit = without,
                 .higher_is_better = false});
  printer.print({.name = "metrics, share of the step",
                 .value = std::max(with / without - 1, 0.0) * 100,
                 .unit = "%",
                 .target = 1.0,
                 .higher_is_better = false});
}

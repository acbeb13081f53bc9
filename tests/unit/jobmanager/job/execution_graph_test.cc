#include "jobmanager/job/execution_graph.h"

#include <doctest/doctest.h>

namespace weir::jobmanager {
namespace {

const WallTime kNow{std::chrono::milliseconds(1000)}, kLater{std::chrono::milliseconds(2000)};

ExecutionGraph graph_of(const std::vector<int>& parallelism) {
  plan::JobGraph graph;
  for (const int width : parallelism) {
    plan::JobVertex vertex;
    vertex.id = VertexId::random();
    vertex.name = "v";
    vertex.parallelism = width;
    graph.vertices.push_back(vertex);
  }
  return ExecutionGraph(std::make_shared<const plan::JobGraph>(std::move(graph)), kNow);
}

void run(ExecutionGraph& tasks, TaskIndex task, TaskStatus end) {
  for (const TaskStatus status : {TaskStatus::scheduled, TaskStatus::deploying, TaskStatus::running, end})
    REQUIRE(tasks.enter(task, status, kNow));
}

TEST_CASE("execution_graph: a task begins a new attempt, and the one before is history") {
  ExecutionGraph tasks = graph_of({2});
  const TaskIndex failed{0, 0}, running{0, 1};
  const ExecutionId first = tasks.attempt(failed).execution;
  run(tasks, failed, TaskStatus::failed);
  tasks.set_failure(failed, {"boom", "", "", kNow, Blame::user});
  tasks.enter(running, TaskStatus::scheduled, kNow);
  const ExecutionId neighbour = tasks.attempt(running).execution;

  const std::vector<TaskIndex> again{failed};
  tasks.reset(again, kLater);
  const Attempt& next = tasks.attempt(failed);
  CHECK(next.number == 1);
  CHECK(next.status == TaskStatus::created);
  CHECK(next.execution != first);
  CHECK(!next.place);
  CHECK(!next.failure);
  CHECK(*next.entered[static_cast<std::size_t>(TaskStatus::created)] == kLater);
  REQUIRE(tasks.history(failed).size() == 1);
  CHECK(tasks.history(failed)[0].execution == first);
  CHECK(tasks.history(failed)[0].failure->blame == Blame::user);
  // What comes late about the attempt before finds nobody; the neighbour is what it was.
  CHECK(!tasks.find(first));
  CHECK(tasks.find(next.execution) == failed);
  CHECK(tasks.attempt(running).execution == neighbour);
  CHECK(tasks.task_name(failed) == "v (1/2) - execution #1");
}

TEST_CASE("execution_graph: with attempts behind them, tasks are counted once, and all of them may finish") {
  ExecutionGraph tasks = graph_of({2, 1});
  for (int round = 0; round < 3; ++round) {
    for (TaskIndex task : tasks.all()) run(tasks, task, TaskStatus::failed);
    CHECK(tasks.all_over());
    tasks.reset(tasks.all(), kLater);
    CHECK(tasks.count(TaskStatus::created) == 3);
    CHECK(!tasks.all_over());
  }
  for (TaskIndex task : tasks.all()) run(tasks, task, TaskStatus::finished);
  CHECK(tasks.size() == 3);
  CHECK(tasks.all_finished());
}

TEST_CASE("execution_graph: a task that was never sent has nothing to begin anew, and old history goes") {
  ExecutionGraph tasks = graph_of({1});
  const TaskIndex task{0, 0};
  const ExecutionId first = tasks.attempt(task).execution;
  tasks.reset(tasks.all(), kLater);
  CHECK(tasks.attempt(task).execution == first);
  CHECK(tasks.history(task).empty());
  for (std::size_t i = 0; i < ExecutionGraph::kHistoryMax + 5; ++i) {
    run(tasks, task, TaskStatus::failed);
    tasks.reset(tasks.all(), kLater);
  }
  CHECK(tasks.history(task).size() == ExecutionGraph::kHistoryMax);
  CHECK(tasks.history(task).back().number + 1 == tasks.attempt(task).number);
}

TEST_CASE("execution_graph: the table names the place of each current attempt, and of those without one nothing") {
  ExecutionGraph tasks = graph_of({3});
  const auto a = *TaskManagerId::from_string("a"), b = *TaskManagerId::from_string("b");
  tasks.set_place({0, 0}, {a, "host-a", 1}, 4);
  tasks.set_place({0, 2}, {b, "host-b", 2}, 0);
  const plan::TaskTable table = tasks.table();
  REQUIRE(table.places.size() == 2);
  CHECK(table.places[table.at({0, 2}).place].id == b);
  CHECK(table.at({0, 0}) == plan::PlacedTask{tasks.attempt({0, 0}).execution, 0, 0, 4});
  CHECK(table.at({0, 1}).execution.is_none());
}

}  // namespace
}  // namespace weir::jobmanager

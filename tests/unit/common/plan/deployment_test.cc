#include "common/plan/deployment.h"

#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "proto/task_manager.pb.h"
#include "tests/support/seed.h"

namespace weir::plan {
namespace {

TaskTable random_table(std::mt19937& random) {
  TaskTable table;
  const std::uint32_t places = 1 + random() % 5;
  for (std::uint32_t i = 0; i < places; ++i) {
    table.places.push_back({*TaskManagerId::from_string("tm" + std::to_string(i)), "host" + std::to_string(i),
                            static_cast<std::uint16_t>(random() % 65536)});
  }
  for (std::uint32_t v = 0; v < random() % 4; ++v) {
    auto& tasks = table.tasks.emplace_back(random() % 20);
    for (auto& task : tasks) {
      if (random() % 5 == 0) continue;  // without a place
      task = {ExecutionId::random(), static_cast<std::uint32_t>(random() % 3),
              static_cast<std::uint32_t>(random() % places), static_cast<std::uint32_t>(random() % 300)};
    }
  }
  return table;
}

TEST_CASE("task_table: comes back as it was, for random tables") {
  std::mt19937 random(test::seed());
  INFO("seed " << test::seed());
  for (int round = 0; round < 200; ++round) {
    const TaskTable table = random_table(random);
    proto::TaskTable message;
    encode_task_table(table, message);
    const auto back = decode_task_table(message);
    REQUIRE(back.ok());
    CHECK(back->places == table.places);
    CHECK(back->tasks == table.tasks);
  }
}

TEST_CASE("task_table: a message that makes no sense is refused") {
  TaskTable table;
  table.places.push_back({*TaskManagerId::from_string("tm"), "host", 1});
  table.tasks.push_back({{ExecutionId::random(), 0, 0, 0}, {ExecutionId::random(), 0, 0, 1}});
  using Change = std::function<void(proto::TaskTable&)>;
  const std::vector<std::pair<const char*, Change>> changes{
      {"too few executions", [](auto& m) { m.mutable_vertices(0)->mutable_executions()->resize(31); }},
      {"too many executions", [](auto& m) { m.mutable_vertices(0)->mutable_executions()->append(16, 'x'); }},
      {"a slot too many", [](auto& m) { m.mutable_vertices(0)->add_slots(1); }},
      {"an attempt too few", [](auto& m) { m.mutable_vertices(0)->mutable_attempts()->RemoveLast(); }},
      {"a place too many", [](auto& m) { m.mutable_vertices(0)->add_places(0); }},
      {"a place that is not there", [](auto& m) { m.mutable_vertices(0)->set_places(1, 1); }},
      {"a port that is none", [](auto& m) { m.mutable_places(0)->set_data_port(65536); }},
      {"a TaskManager without a name", [](auto& m) { m.mutable_places(0)->clear_task_manager_id(); }},
      {"more tasks than a job may have",
       [](auto& m) {
    for (std::size_t i = 0; i <= kTasksMax; ++i) m.mutable_vertices(0)->add_places(0);
       }},
      };
  for (const auto& [what, change] : changes) {
    INFO(what);
    proto::TaskTable message;
    encode_task_table(table, message);
    change(message);
    CHECK(!decode_task_table(message).ok());
  }
}

TEST_CASE("task ranges: neighbours are one range, and give back the same tasks") {
  CHECK(ranges_of({}).empty());
  CHECK(ranges_of({{1, 3}, {0, 2}, {1, 4}, {0, 0}, {1, 5}}) == std::vector<TaskRange>{{0, 0, 1}, {0, 2, 3}, {1, 3, 6}});
  std::mt19937 random(test::seed());
  INFO("seed " << test::seed());
  for (int round = 0; round < 200; ++round) {
    const TaskTable table = random_table(random);
    std::vector<TaskIndex> tasks;
    for (std::uint32_t v = 0; v < table.tasks.size(); ++v) {
      for (std::uint32_t s = 0; s < table.tasks[v].size(); ++s) {
        if (random() % 2 == 0) tasks.push_back({v, s});
      }
    }
    const auto back = tasks_of(ranges_of(tasks), table);
    REQUIRE(back.ok());
    CHECK(*back == tasks);
  }
}

TEST_CASE("task ranges: outside the table, empty or overlapping ones are refused") {
  TaskTable table;
  table.tasks = {std::vector<PlacedTask>(3), std::vector<PlacedTask>(1)};
  for (const TaskRange& range :
       {TaskRange{0, 0, 4}, {2, 0, 1}, {0, 1, 1}, {0, 2, 1}, {1, 4'000'000'000u, 4'000'000'001u}}) {
    CHECK(!tasks_of(std::vector<TaskRange>{range}, table).ok());
  }
  CHECK(!tasks_of(std::vector<TaskRange>{{0, 0, 3}, {0, 0, 3}}, table).ok());
  CHECK(tasks_of(std::vector<TaskRange>{{0, 0, 3}, {1, 0, 1}}, table)->size() == 4);
}

TEST_CASE("generation: a later leader's is newer, then the higher number") {
  CHECK(Generation{1, 9} < Generation{2, 1});
  CHECK(Generation{2, 1} < Generation{2, 2});
  const JobWorker worker{JobId::random(), {7, 8}};
  proto::JobWorker message;
  encode_job_worker(worker, message);
  CHECK(*decode_job_worker(message) == worker);
  message.set_job("short");
  CHECK(!decode_job_worker(message).ok());
}

}  // namespace
}  // namespace weir::plan

// Builds plans for tests, one call per operator.
#pragma once

#include <random>
#include <string>

#include "common/plan/job_graph.h"

namespace weir::plan {

class PlanBuilder {
 public:
  explicit PlanBuilder(std::string job_name) { plan_.job_name = std::move(job_name); }

  std::uint32_t source(std::string name, int parallelism = 0) {
    return add(OperatorRole::source, std::move(name), parallelism);
  }
  std::uint32_t map(std::string name, std::uint32_t from, Partitioner partitioner = Partitioner::forward,
                    int parallelism = 0) {
    std::uint32_t id = add(OperatorRole::transform, std::move(name), parallelism);
    connect(from, id, partitioner);
    return id;
  }
  std::uint32_t sink(std::string name, std::uint32_t from, Partitioner partitioner = Partitioner::forward,
                     int parallelism = 0) {
    std::uint32_t id = add(OperatorRole::sink, std::move(name), parallelism);
    plan_.operators[id - 1].outputs.clear();
    connect(from, id, partitioner);
    return id;
  }
  void connect(std::uint32_t from, std::uint32_t to, Partitioner partitioner = Partitioner::forward,
               std::uint32_t input = 0) {
    OperatorInput edge;
    edge.source = from;
    edge.input = input;
    edge.partitioner = partitioner;
    plan_.operators[to - 1].inputs.push_back(edge);
  }
  PlannedOperator& at(std::uint32_t id) { return plan_.operators[id - 1]; }
  Plan& plan() { return plan_; }

 private:
  std::uint32_t add(OperatorRole role, std::string name, int parallelism) {
    PlannedOperator planned;
    planned.id = static_cast<std::uint32_t>(plan_.operators.size() + 1);
    planned.role = role;
    planned.kind = role == OperatorRole::source ? "Source" : role == OperatorRole::sink ? "Sink" : "Map";
    planned.name = std::move(name);
    planned.parallelism = parallelism;
    planned.outputs.push_back({"", "{a:i64}", 1});
    plan_.operators.push_back(std::move(planned));
    return plan_.operators.back().id;
  }

  Plan plan_;
};

/// A plan of 1 to 20 operators with every partitioner, parallelism 0 to 4 and all chain flags.
inline Plan random_plan(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto below = [&](std::uint64_t bound) { return random() % bound; };
  PlanBuilder builder("random " + std::to_string(seed));
  const std::uint64_t count = 1 + below(20);
  for (std::uint64_t i = 0; i < count; ++i) {
    const int parallelism = static_cast<int>(below(5));
    const bool source = i == 0 || below(5) == 0;
    auto from = [&] { return static_cast<std::uint32_t>(1 + below(i)); };
    auto partitioner = [&] { return static_cast<Partitioner>(below(3) == 0 ? 0 : below(8)); };
    std::uint32_t id = source ? builder.source("s" + std::to_string(i), parallelism)
                              : builder.map("m" + std::to_string(i), from(), partitioner(), parallelism);
    if (!source && below(4) == 0) builder.connect(from(), id, partitioner(), 1);
    auto& planned = builder.at(id);
    planned.chaining = static_cast<Chaining>(below(4) == 0 ? below(3) : 0);
    if (below(6) == 0) planned.slot_sharing_group = "other";
    if (below(4) == 0) planned.uid = "uid" + std::to_string(i);
    if (below(4) == 0) planned.max_parallelism = static_cast<int>(16 + below(200));
  }
  builder.plan().parallelism = static_cast<int>(below(4));
  return builder.plan();
}

}  // namespace weir::plan

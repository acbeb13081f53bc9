// What a job is, before chaining (Plan) and after it (JobGraph). The messages of the same names are converted once, in
// plan_codec.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"

namespace weir::plan {

enum class OperatorRole : std::uint8_t { source = 1, transform = 2, sink = 3 };
enum class Chaining : std::uint8_t { always = 0, head = 1, never = 2 };
enum class ExchangeMode : std::uint8_t {
  pipelined = 0,  ///< producers and consumers run, and fail, together
  blocking = 1,   ///< consumers start when the producers have finished, and read a stored result
};
enum class Partitioner : std::uint8_t { forward, hash, rebalance, rescale, broadcast, shuffle, global, custom };

/// Flink's word for a partitioner as its plans show it: "FORWARD", "HASH".
std::string_view ship_strategy(Partitioner partitioner);

/// Limits of what a build function may ask for. Beyond them a plan is refused.
inline constexpr std::size_t kOperatorsMax = 4096;
inline constexpr std::size_t kEdgesMax = 65536;
inline constexpr int kParallelismMax = 32768;
inline constexpr std::size_t kTasksMax = 200'000;

struct OperatorOutput {
  std::string tag;     ///< empty for the main output
  std::string schema;  ///< text of the record's schema
  std::uint32_t schema_id = 0;
};

struct OperatorInput {
  std::uint32_t source = 0;  ///< operator id
  std::uint32_t output = 0;  ///< index in the source's outputs
  std::uint32_t input = 0;   ///< which input of this operator
  Partitioner partitioner = Partitioner::forward;
  std::string key_schema;  ///< hash, custom
  bool strict = false;     ///< forward, asked for by name: refused where the parallelism changes
  ExchangeMode mode = ExchangeMode::pipelined;
};

struct PlannedOperator {
  std::uint32_t id = 0;  ///< from 1, in the order of making
  std::string name;
  std::string uid;  ///< empty: the user gave none
  OperatorRole role = OperatorRole::transform;
  std::string kind;         ///< "Source", "Map": for people
  int parallelism = 0;      ///< 0: the job's
  int max_parallelism = 0;  ///< 0: the job's
  std::string slot_sharing_group = "default";
  Chaining chaining = Chaining::always;
  bool stateful = false;
  bool bounded = false;  ///< sources
  std::vector<OperatorInput> inputs;
  std::vector<OperatorOutput> outputs;
  OperatorId stable_id;  ///< none: not computed yet, see stable_operator_id
};

/// The id by which snapshots know an operator: the one that it has, else XXH3-128 of its uid, or of its position and
/// kind where it has none. Stable over runs of the same build function; with a uid, over changes of the job too.
OperatorId stable_operator_id(const PlannedOperator& planned);

/// The calls on a stream. Promise (held by plan_codec): operators[i].id == i + 1, inputs name earlier operators and
/// outputs that exist.
struct Plan {
  std::string job_name;
  std::vector<PlannedOperator> operators;
  int parallelism = 0;                               ///< 0: the cluster's parallelism.default
  int max_parallelism = 0;                           ///< 0: computed per operator
  std::map<std::string, std::string> configuration;  ///< what the build function set on its environment
  std::string fingerprint;                           ///< 16 bytes, or empty as it comes from the planner
  std::vector<std::string> warnings;                 ///< for the person who submits

  const PlannedOperator& operator_by_id(std::uint32_t id) const { return operators[id - 1]; }
};

/// One chain, run as `parallelism` tasks.
struct JobVertex {
  VertexId id;       ///< the bytes of the head's stable id
  std::string name;  ///< "Source: lines -> Map -> Sink: out"
  int parallelism = 1;
  int max_parallelism = 128;
  std::string slot_sharing_group;
  std::vector<std::uint32_t> operators;  ///< ids, head first; a chain is a tree
  std::vector<OperatorId> operator_ids;  ///< the stable ids of the same operators, in the same order
};

/// One exchange: from an operator of the producing vertex to the head of the consuming one.
struct JobEdge {
  std::uint32_t id = 0;  ///< index in JobGraph::edges
  VertexId source_vertex;
  VertexId target_vertex;
  std::uint32_t source_operator = 0;
  std::uint32_t target_operator = 0;
  std::uint32_t output = 0;
  std::uint32_t input = 0;
  Partitioner partitioner = Partitioner::forward;
  std::uint32_t schema_id = 0;
  ExchangeMode mode = ExchangeMode::pipelined;
};

/// A task's place in a job graph.
struct TaskIndex {
  std::uint32_t vertex = 0;  ///< index in JobGraph::vertices
  std::uint32_t subtask = 0;
  friend auto operator<=>(const TaskIndex&, const TaskIndex&) = default;
};

/// A plan after chaining. Vertices stand upstream before downstream.
struct JobGraph {
  std::string job_name;
  std::vector<JobVertex> vertices;
  std::vector<JobEdge> edges;
  std::string fingerprint;  ///< of the plan: 16 bytes
  bool is_batch = false;    ///< all sources have an end, and the job is to make use of it; not sent to workers
  std::vector<std::uint64_t>
      operator_digests;  ///< by operator id - 1: a difference of fingerprints is traced to an operator with them

  const JobVertex* find(const VertexId& id) const;
  /// Index in `vertices`; the vertex must exist.
  std::size_t index_of(const VertexId& id) const;
  /// Tasks over all vertices.
  std::size_t task_count() const;
};

}  // namespace weir::plan

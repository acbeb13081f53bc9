// What a job's build function made: the plan with the code that goes with it. In the planner only its shape is used; in
// a worker the factories make the operators.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/operator.h"

namespace weir {

enum class OperatorRole : std::uint8_t { source = 1, transform = 2, sink = 3 };
enum class Chaining : std::uint8_t { always = 0, head = 1, never = 2 };
enum class PartitionerKind : std::uint8_t { forward, hash, rebalance, rescale, broadcast, shuffle, global, custom };

/// One output of an operator: [0] is the main one, others are side outputs.
struct OutputNode {
  std::string tag;
  std::string schema;  ///< text of the record's schema
  RowLayout layout;
};

struct EdgeNode {
  std::uint32_t source = 0;  ///< operator id
  std::uint32_t output = 0;  ///< index in the source's outputs
  std::uint32_t input = 0;
  PartitionerKind partitioner = PartitionerKind::forward;
  bool strict = false;                                          ///< forward, asked for by name: nothing else will do
  std::string key_schema;                                       ///< hash, custom
  std::function<std::unique_ptr<KeyHasher>()> make_key_hasher;  ///< hash
  std::function<std::unique_ptr<RowRouter>()> make_router;      ///< custom
};

struct OperatorNode {
  std::uint32_t id = 0;  ///< from 1, in the order of making
  OperatorRole role = OperatorRole::transform;
  std::string kind;  ///< "Source", "Map", "Filter", "Keyed Process", "Sink": for people
  std::string name;
  std::string uid;      ///< empty: the user gave none
  int parallelism = 0;  ///< 0: the job's
  int max_parallelism = 0;
  std::string slot_sharing_group = "default";
  Chaining chaining = Chaining::always;
  bool stateful = false;
  bool bounded = true;  ///< sources
  std::vector<EdgeNode> inputs;
  std::vector<OutputNode> outputs;
  std::function<std::unique_ptr<Operator>()> make_operator;    ///< all but sources
  std::function<std::unique_ptr<SourceReader>()> make_reader;  ///< sources
};

struct StreamGraph {
  std::string job_name;
  int parallelism = 0;
  int max_parallelism = 0;
  std::map<std::string, std::string> configuration;  ///< set on the environment by the build function
  std::vector<OperatorNode> operators;               ///< operators[i].id == i + 1
};

}  // namespace weir

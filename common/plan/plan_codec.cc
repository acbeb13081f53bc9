#include "common/plan/plan_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/try.h"
#include "proto/plan.pb.h"

namespace weir::plan {

namespace {

constexpr std::size_t kNameBytesMax = 4096;
constexpr std::size_t kSchemaBytesMax = 1u << 20;
constexpr std::uint32_t kInputIndexMax = 255;

Error refused(std::string what) {
  return Error::user(ErrorCode::invalid_argument, "the plan is not valid: " + std::move(what));
}

Result<Partitioner> decode_partitioner(proto::Partitioner partitioner, std::uint32_t operator_id) {
  if (!proto::Partitioner_IsValid(partitioner)) {
    return refused(fmt::format("operator {} has an input with the unknown partitioner {}", operator_id,
                               static_cast<int>(partitioner)));
  }
  return static_cast<Partitioner>(partitioner);
}

Result<ExchangeMode> decode_mode(proto::ExchangeMode mode, const std::string& what) {
  if (!proto::ExchangeMode_IsValid(mode))
    return refused(fmt::format("{} has the unknown exchange mode {}", what, static_cast<int>(mode)));
  return static_cast<ExchangeMode>(mode);
}

Result<int> decode_parallelism(int value, const char* what, std::uint32_t operator_id) {
  if (value < 0 || value > kParallelismMax) {
    return refused(fmt::format("{} of operator {} must be 0 to {}, is {}", what, operator_id, kParallelismMax, value));
  }
  return value;
}

Result<OperatorInput> decode_input(const proto::EdgePlan& message, std::uint32_t operator_id, const Plan& before) {
  OperatorInput input;
  input.source = message.source();
  input.output = message.output();
  input.input = message.input();
  if (input.source == 0 || input.source >= operator_id) {
    return refused(
        fmt::format("operator {} reads from operator {}, which does not stand before it; a job's graph has no loops",
                    operator_id, input.source));
  }
  const auto& source = before.operators[input.source - 1];
  if (input.output >= source.outputs.size()) {
    return refused(fmt::format("operator {} reads output {} of operator {}, which has {}", operator_id, input.output,
                               input.source, source.outputs.size()));
  }
  if (input.input > kInputIndexMax)
    return refused(fmt::format("operator {} has an input number {}", operator_id, input.input));
  TRY(input.partitioner, decode_partitioner(message.partitioner(), operator_id));
  if (message.key_schema().size() > kSchemaBytesMax)
    return refused(fmt::format("operator {} has a key schema too long", operator_id));
  input.key_schema = message.key_schema();
  input.strict = message.strict();
  TRY(input.mode, decode_mode(message.mode(), fmt::format("an input of operator {}", operator_id)));
  return input;
}

Result<PlannedOperator> decode_operator(const proto::OperatorPlan& message, const Plan& before) {
  PlannedOperator planned;
  planned.id = message.id();
  if (planned.id != before.operators.size() + 1) {
    return refused(fmt::format("operator {} stands at position {}", planned.id, before.operators.size() + 1));
  }
  for (const std::string* text : {&message.name(), &message.uid(), &message.kind(), &message.slot_sharing_group()}) {
    if (text->size() > kNameBytesMax) {
      return refused(fmt::format("a name of operator {} is {} bytes long; at most {} are taken", planned.id,
                                 text->size(), kNameBytesMax));
    }
  }
  planned.name = message.name();
  planned.uid = message.uid();
  planned.kind = message.kind();
  if (!message.slot_sharing_group().empty()) planned.slot_sharing_group = message.slot_sharing_group();
  if (message.role() < proto::SOURCE || message.role() > proto::SINK) {
    return refused(fmt::format("operator {} has the unknown role {}", planned.id, static_cast<int>(message.role())));
  }
  planned.role = static_cast<OperatorRole>(message.role());
  if (!proto::Chaining_IsValid(message.chaining())) {
    return refused(
        fmt::format("operator {} has the unknown chaining {}", planned.id, static_cast<int>(message.chaining())));
  }
  planned.chaining = static_cast<Chaining>(message.chaining());
  TRY(planned.parallelism, decode_parallelism(message.parallelism(), "the parallelism", planned.id));
  TRY(planned.max_parallelism, decode_parallelism(message.max_parallelism(), "the max parallelism", planned.id));
  planned.stateful = message.stateful();
  planned.bounded = message.bounded();
  if ((planned.role == OperatorRole::source) != message.inputs().empty()) {
    return refused(fmt::format("operator {} ('{}') {}", planned.id, planned.name,
                               message.inputs().empty() ? "has no input" : "is a source and has an input"));
  }
  for (const auto& edge : message.inputs()) {
    TRY(auto input, decode_input(edge, planned.id, before));
    planned.inputs.push_back(std::move(input));
  }
  for (const auto& output : message.outputs()) {
    if (output.tag().size() > kNameBytesMax || output.schema().size() > kSchemaBytesMax) {
      return refused(fmt::format("operator {} has an output with a tag or schema too long", planned.id));
    }
    planned.outputs.push_back({output.tag(), output.schema(), output.schema_id()});
  }
  if (!message.operator_id().empty()) {
    TRY(planned.stable_id, OperatorId::from_bytes(message.operator_id()));
  }
  planned.stable_id = stable_operator_id(planned);
  return planned;
}

}  // namespace

Result<Plan> decode_plan(const proto::Plan& message) {
  Plan plan;
  plan.job_name = message.job_name();
  if (plan.job_name.size() > kNameBytesMax) return refused("the job's name is too long");
  if (static_cast<std::size_t>(message.operators_size()) > kOperatorsMax) {
    return refused(fmt::format("it has {} operators; at most {} are taken", message.operators_size(), kOperatorsMax));
  }
  std::size_t edges = 0;
  for (const auto& operator_message : message.operators()) {
    edges += static_cast<std::size_t>(operator_message.inputs_size());
    if (edges > kEdgesMax) return refused(fmt::format("it has more than {} edges", kEdgesMax));
    TRY(auto planned, decode_operator(operator_message, plan));
    plan.operators.push_back(std::move(planned));
  }
  if (message.parallelism() < 0 || message.parallelism() > kParallelismMax || message.max_parallelism() < 0 ||
      message.max_parallelism() > kParallelismMax) {
    return refused(fmt::format("the job's parallelism and max parallelism must be 0 to {}, are {} and {}",
                               kParallelismMax, message.parallelism(), message.max_parallelism()));
  }
  plan.parallelism = message.parallelism();
  plan.max_parallelism = message.max_parallelism();
  plan.configuration.insert(message.configuration().begin(), message.configuration().end());
  if (!message.fingerprint().empty() && message.fingerprint().size() != 16)
    return refused("its fingerprint is not 16 bytes long");
  plan.fingerprint = message.fingerprint();
  plan.warnings.assign(message.warnings().begin(), message.warnings().end());
  return plan;
}

void encode_plan(const Plan& plan, proto::Plan& message) {
  message.Clear();
  message.set_job_name(plan.job_name);
  for (const auto& planned : plan.operators) {
    auto& out = *message.add_operators();
    out.set_id(planned.id);
    out.set_name(planned.name);
    out.set_uid(planned.uid);
    out.set_role(static_cast<proto::OperatorRole>(planned.role));
    out.set_kind(planned.kind);
    out.set_parallelism(planned.parallelism);
    out.set_max_parallelism(planned.max_parallelism);
    out.set_slot_sharing_group(planned.slot_sharing_group);
    out.set_chaining(static_cast<proto::Chaining>(planned.chaining));
    out.set_stateful(planned.stateful);
    out.set_bounded(planned.bounded);
    for (const auto& input : planned.inputs) {
      auto& edge = *out.add_inputs();
      edge.set_source(input.source);
      edge.set_output(input.output);
      edge.set_input(input.input);
      edge.set_partitioner(static_cast<proto::Partitioner>(input.partitioner));
      edge.set_key_schema(input.key_schema);
      edge.set_strict(input.strict);
      edge.set_mode(static_cast<proto::ExchangeMode>(input.mode));
    }
    for (const auto& output : planned.outputs) {
      auto& entry = *out.add_outputs();
      entry.set_tag(output.tag);
      entry.set_schema(output.schema);
      entry.set_schema_id(output.schema_id);
    }
    out.set_operator_id(stable_operator_id(planned).to_bytes());
  }
  message.set_parallelism(plan.parallelism);
  message.set_max_parallelism(plan.max_parallelism);
  message.mutable_configuration()->insert(plan.configuration.begin(), plan.configuration.end());
  message.set_fingerprint(plan.fingerprint);
  for (const auto& warning : plan.warnings) message.add_warnings(warning);
}

Result<JobGraph> decode_job_graph(const proto::JobGraph& message) {
  auto bad = [](std::string what) {
    return Error::user(ErrorCode::invalid_argument, "the job graph is not valid: " + std::move(what));
  };
  JobGraph graph;
  graph.job_name = message.job_name();
  graph.fingerprint = message.fingerprint();
  graph.operator_digests.assign(message.operator_digests().begin(), message.operator_digests().end());
  if (static_cast<std::size_t>(message.vertices_size()) > kOperatorsMax ||
      static_cast<std::size_t>(message.edges_size()) > kEdgesMax) {
    return bad("too many vertices or edges");
  }
  for (const auto& entry : message.vertices()) {
    JobVertex vertex;
    auto id = VertexId::from_bytes(entry.id());
    if (!id) return bad(fmt::format("vertex '{}' has no id of 16 bytes", entry.name()));
    vertex.id = *id;
    vertex.name = entry.name();
    vertex.parallelism = entry.parallelism();
    vertex.max_parallelism = entry.max_parallelism();
    vertex.slot_sharing_group = entry.slot_sharing_group();
    vertex.operators.assign(entry.operators().begin(), entry.operators().end());
    for (const auto& bytes : entry.operator_ids()) {
      TRY(const OperatorId operator_id, OperatorId::from_bytes(bytes));
      vertex.operator_ids.push_back(operator_id);
    }
    if (vertex.operator_ids.size() != vertex.operators.size())
      return bad(fmt::format("vertex '{}' has {} operators and {} operator ids", vertex.name, vertex.operators.size(),
                             vertex.operator_ids.size()));
    if (vertex.parallelism < 1 || vertex.max_parallelism < vertex.parallelism ||
        vertex.max_parallelism > kParallelismMax) {
      return bad(
          fmt::format("vertex '{}' has parallelism {} of {}", vertex.name, vertex.parallelism, vertex.max_parallelism));
    }
    if (vertex.operators.empty() || graph.find(vertex.id) != nullptr)
      return bad(fmt::format("vertex '{}' is empty or doubled", vertex.name));
    graph.vertices.push_back(std::move(vertex));
  }
  if (graph.task_count() > kTasksMax) return bad("too many tasks");
  for (const auto& entry : message.edges()) {
    JobEdge edge;
    auto source = VertexId::from_bytes(entry.source_vertex());
    auto target = VertexId::from_bytes(entry.target_vertex());
    if (!source || !target || graph.find(*source) == nullptr || graph.find(*target) == nullptr) {
      return bad(fmt::format("edge {} names a vertex that does not exist", entry.id()));
    }
    if (graph.index_of(*source) >= graph.index_of(*target)) {
      return bad(fmt::format("edge {} leads from vertex '{}' back to '{}'; a job's graph has no loops", entry.id(),
                             graph.find(*source)->name, graph.find(*target)->name));
    }
    edge.id = entry.id();
    if (edge.id != graph.edges.size())
      return bad(fmt::format("edge {} stands at position {}", edge.id, graph.edges.size()));
    edge.source_vertex = *source;
    edge.target_vertex = *target;
    edge.source_operator = entry.source_operator();
    edge.target_operator = entry.target_operator();
    edge.output = entry.output();
    edge.input = entry.input();
    if (!proto::Partitioner_IsValid(entry.partitioner()))
      return bad(fmt::format("edge {} has an unknown partitioner", edge.id));
    edge.partitioner = static_cast<Partitioner>(entry.partitioner());
    edge.schema_id = entry.schema_id();
    TRY(edge.mode, decode_mode(entry.mode(), fmt::format("edge {}", edge.id)));
    graph.edges.push_back(edge);
  }
  return graph;
}

void encode_job_graph(const JobGraph& graph, proto::JobGraph& message) {
  message.Clear();
  message.set_job_name(graph.job_name);
  message.set_fingerprint(graph.fingerprint);
  message.mutable_operator_digests()->Add(graph.operator_digests.begin(), graph.operator_digests.end());
  for (const auto& vertex : graph.vertices) {
    auto& out = *message.add_vertices();
    out.set_id(vertex.id.to_bytes());
    out.set_name(vertex.name);
    out.set_parallelism(vertex.parallelism);
    out.set_max_parallelism(vertex.max_parallelism);
    out.set_slot_sharing_group(vertex.slot_sharing_group);
    out.mutable_operators()->Add(vertex.operators.begin(), vertex.operators.end());
    for (const OperatorId& id : vertex.operator_ids) out.add_operator_ids(id.to_bytes());
  }
  for (const auto& edge : graph.edges) {
    auto& out = *message.add_edges();
    out.set_id(edge.id);
    out.set_source_vertex(edge.source_vertex.to_bytes());
    out.set_target_vertex(edge.target_vertex.to_bytes());
    out.set_source_operator(edge.source_operator);
    out.set_target_operator(edge.target_operator);
    out.set_output(edge.output);
    out.set_input(edge.input);
    out.set_partitioner(static_cast<proto::Partitioner>(edge.partitioner));
    out.set_schema_id(edge.schema_id);
    out.set_mode(static_cast<proto::ExchangeMode>(edge.mode));
  }
}

}  // namespace weir::plan

#include "taskmanager/worker/task_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/try.h"
#include "proto/task_manager.pb.h"
#include "taskmanager/exchange/slot_block_pool.h"

namespace weir::taskmanager {

namespace {

Error wrong(std::string message) {
  return {ErrorCode::invalid_argument, Blame::internal, "the deployment does not fit the job: " + std::move(message)};
}

bool is_pointwise(plan::Partitioner partitioner) {
  return partitioner == plan::Partitioner::forward || partitioner == plan::Partitioner::rescale;
}

Result<Peer> peer_of(const proto::ChannelPeer& message, const plan::JobVertex& vertex, const std::string& what) {
  if (message.task().vertex() != vertex.id.to_bytes()) return wrong(fmt::format("{} is of another vertex", what));
  if (message.task().subtask() >= static_cast<std::uint32_t>(vertex.parallelism))
    return wrong(fmt::format("{} is subtask {} of {}", what, message.task().subtask(), vertex.parallelism));
  Peer peer;
  TRY(peer.execution, ExecutionId::from_bytes(message.task().execution()));
  peer.name = fmt::format("{} ({}/{})", vertex.name, message.task().subtask() + 1, vertex.parallelism);
  if (message.place().data_port() > 65535)
    return wrong(fmt::format("{} has the data port {}", what, message.place().data_port()));
  peer.place = {message.place().task_manager_id(), message.place().host(),
                static_cast<std::uint16_t>(message.place().data_port()), message.place().slot()};
  return peer;
}

}  // namespace

TaskBuilder::TaskBuilder(const StreamGraph& graph, const plan::JobGraph& job_graph, Settings settings,
                         ExchangeRegistry& registry, WakerOf waker_of)
    : graph_(graph),
      job_graph_(job_graph),
      settings_(std::move(settings)),
      registry_(registry),
      waker_of_(std::move(waker_of)) {}

Result<std::unique_ptr<TaskSpec>> TaskBuilder::build(const proto::TaskDescriptor& descriptor) {
  const auto& address = descriptor.address();
  TRY(const VertexId vertex_id, VertexId::from_bytes(address.vertex()));
  const plan::JobVertex* const vertex = job_graph_.find(vertex_id);
  if (vertex == nullptr) return wrong(fmt::format("there is no vertex {}", vertex_id.to_hex()));
  if (address.subtask() >= static_cast<std::uint32_t>(vertex->parallelism))
    return wrong(fmt::format("subtask {} of {} in {}", address.subtask(), vertex->parallelism, vertex->name));
  if (descriptor.slot() >= settings_.slots)
    return wrong(fmt::format("slot {} of {}", descriptor.slot(), settings_.slots));
  auto spec = std::make_unique<TaskSpec>();
  spec->record = std::make_shared<TaskRecord>();
  TRY(spec->record->execution, ExecutionId::from_bytes(address.execution()));
  spec->record->slot = descriptor.slot();
  spec->record->address = address.SerializeAsString();
  spec->record->metrics = std::make_shared<TaskMetrics>();
  spec->slot = descriptor.slot();
  spec->depth = static_cast<std::uint32_t>(job_graph_.index_of(vertex_id));
  spec->facts = {.job_name = job_graph_.job_name,
                 .task_name = vertex->name,
                 .subtask = address.subtask(),
                 .parallelism = static_cast<std::uint32_t>(vertex->parallelism),
                 .max_parallelism = static_cast<std::uint32_t>(vertex->max_parallelism),
                 .attempt = address.attempt(),
                 .record_bytes_max = settings_.record_bytes_max,
                 .settings = settings_.job_settings};
  spec->flush = settings_.flush;
  TRY_VOID(add_inputs(descriptor, *vertex, *spec));
  TRY_VOID(add_outputs(descriptor, *vertex, *spec));
  TRY_VOID(add_chain(*vertex, *spec));
  return spec;
}

Result<const EdgeNode*> TaskBuilder::edge_node(const plan::JobEdge& edge) const {
  if (edge.target_operator == 0 || edge.target_operator > graph_.operators.size() || edge.source_operator == 0 ||
      edge.source_operator > graph_.operators.size())
    return wrong(fmt::format("edge {} names an operator that does not exist", edge.id));
  // Of several edges between the same outputs and inputs, the n-th here is the n-th there.
  int nth = 0;
  for (const auto& other : job_graph_.edges) {
    if (other.id == edge.id) break;
    nth += other.source_operator == edge.source_operator && other.target_operator == edge.target_operator &&
           other.output == edge.output && other.input == edge.input;
  }
  for (const auto& input : graph_.operators[edge.target_operator - 1].inputs) {
    if (input.source != edge.source_operator || input.output != edge.output || input.input != edge.input) continue;
    if (nth-- == 0) {
      if (edge.output >= graph_.operators[edge.source_operator - 1].outputs.size())
        return wrong(fmt::format("edge {} leaves by output {}, which does not exist", edge.id, edge.output));
      return &input;
    }
  }
  return wrong(fmt::format("edge {} from operator {} to {} is not in the library's graph", edge.id,
                           edge.source_operator, edge.target_operator));
}

Result<void> TaskBuilder::add_inputs(const proto::TaskDescriptor& descriptor, const plan::JobVertex& vertex,
                                     TaskSpec& spec) {
  const auto expected =
      static_cast<int>(std::count_if(job_graph_.edges.begin(), job_graph_.edges.end(),
                                     [&](const auto& edge) { return edge.target_vertex == vertex.id; }));
  if (descriptor.inputs_size() != expected)
    return wrong(fmt::format("{} inputs of {} for {}", descriptor.inputs_size(), expected, vertex.name));
  for (const auto& message : descriptor.inputs()) {
    if (message.edge() >= job_graph_.edges.size()) return wrong(fmt::format("there is no edge {}", message.edge()));
    const plan::JobEdge& edge = job_graph_.edges[message.edge()];
    const bool is_double =
        std::any_of(spec.inputs.begin(), spec.inputs.end(), [&](const auto& other) { return other.edge == edge.id; });
    if (edge.target_vertex != vertex.id || is_double)
      return wrong(fmt::format("edge {} does not lead to {}", edge.id, vertex.name));
    if (message.producers().empty()) return wrong(fmt::format("{} has no producers on edge {}", vertex.name, edge.id));
    TRY([[maybe_unused]] const EdgeNode* const node, edge_node(edge));
    const plan::JobVertex& source = *job_graph_.find(edge.source_vertex);
    InputSpec input{.edge = edge.id,
                    .input = edge.input,
                    .layout = graph_.operators[edge.source_operator - 1].outputs[edge.output].layout,
                    .window = settings_.window};
    input.signals = std::make_shared<GateSignals>(static_cast<std::size_t>(message.producers_size()));
    for (const auto& producer : message.producers()) {
      TRY(Peer peer, peer_of(producer, source, fmt::format("a producer of {}", vertex.name)));
      if (peer.place.task_manager_id == settings_.task_manager_id) {
        if (peer.place.slot >= settings_.slots)
          return wrong(fmt::format("slot {} of {}", peer.place.slot, settings_.slots));
        peer.local = registry_.channel({edge.id, peer.execution, spec.record->execution}, settings_.window,
                                       waker_of_(peer.place.slot), waker_of_(spec.slot));
        peer.local->attach(input.signals, static_cast<std::uint32_t>(input.producers.size()));
      }
      input.producers.push_back(std::move(peer));
    }
    spec.inputs.push_back(std::move(input));
  }
  return {};
}

Result<void> TaskBuilder::add_outputs(const proto::TaskDescriptor& descriptor, const plan::JobVertex& vertex,
                                      TaskSpec& spec) {
  const auto expected =
      static_cast<int>(std::count_if(job_graph_.edges.begin(), job_graph_.edges.end(),
                                     [&](const auto& edge) { return edge.source_vertex == vertex.id; }));
  if (descriptor.outputs_size() != expected)
    return wrong(fmt::format("{} outputs of {} for {}", descriptor.outputs_size(), expected, vertex.name));
  for (const auto& message : descriptor.outputs()) {
    if (message.edge() >= job_graph_.edges.size()) return wrong(fmt::format("there is no edge {}", message.edge()));
    const plan::JobEdge& edge = job_graph_.edges[message.edge()];
    const bool is_double =
        std::any_of(spec.outputs.begin(), spec.outputs.end(), [&](const auto& other) { return other.edge == edge.id; });
    if (edge.source_vertex != vertex.id || is_double)
      return wrong(fmt::format("edge {} does not leave {}", edge.id, vertex.name));
    TRY(const EdgeNode* const node, edge_node(edge));
    const plan::JobVertex& target = *job_graph_.find(edge.target_vertex);
    const auto consumers = static_cast<std::uint32_t>(message.consumers_size());
    const bool wants_all = !is_pointwise(edge.partitioner);
    if (consumers == 0 || consumers > static_cast<std::uint32_t>(target.parallelism) ||
        (wants_all && consumers != static_cast<std::uint32_t>(target.parallelism)))
      return wrong(fmt::format("{} consumers of {} on edge {}", consumers, target.parallelism, edge.id));
    if (edge.partitioner == plan::Partitioner::hash && !node->make_key_hasher)
      return Error::user(ErrorCode::not_found,
                         fmt::format("the library has no key for the exchange in front of {}", target.name));
    if (edge.partitioner == plan::Partitioner::custom && !node->make_router)
      return Error::user(ErrorCode::not_found,
                         fmt::format("the library has no partitioner for the exchange in front of {}", target.name));
    OutputSpec output{.edge = edge.id,
                      .layout = graph_.operators[edge.source_operator - 1].outputs[edge.output].layout,
                      .partitioner = {.kind = static_cast<PartitionerKind>(edge.partitioner),
                                      .targets = consumers,
                                      .max_parallelism = static_cast<std::uint32_t>(target.max_parallelism),
                                      .subtask = spec.facts.subtask},
                      .plan = node};
    for (const auto& consumer : message.consumers()) {
      TRY(Peer peer, peer_of(consumer, target, fmt::format("a consumer of {}", vertex.name)));
      if (peer.place.task_manager_id == settings_.task_manager_id) {
        if (peer.place.slot >= settings_.slots)
          return wrong(fmt::format("slot {} of {}", peer.place.slot, settings_.slots));
        peer.local = registry_.channel({edge.id, spec.record->execution, peer.execution}, settings_.window,
                                       waker_of_(spec.slot), waker_of_(peer.place.slot));
      }
      output.consumers.push_back(std::move(peer));
    }
    spec.outputs.push_back(std::move(output));
  }
  return {};
}

Result<void> TaskBuilder::add_chain(const plan::JobVertex& vertex, TaskSpec& spec) {
  if (vertex.operators.empty()) return wrong(fmt::format("{} has no operators", vertex.name));
  for (std::size_t at = 0; at < vertex.operators.size(); ++at) {
    const std::uint32_t id = vertex.operators[at];
    if (id == 0 || id > graph_.operators.size())
      return wrong(fmt::format("operator {} is not in the library's graph", id));
    const OperatorNode& node = graph_.operators[id - 1];
    const bool is_source = at == 0 && spec.inputs.empty();
    if (is_source ? !node.make_reader : !node.make_operator)
      return Error::user(ErrorCode::not_found, fmt::format("the library has no code for operator '{}'", node.name));
    spec.chain.nodes.push_back({&node, {}});
    if (at == 0) continue;
    bool is_linked = false;
    for (const auto& input : node.inputs) {
      const auto source =
          std::find(vertex.operators.begin(), vertex.operators.begin() + static_cast<std::ptrdiff_t>(at), input.source);
      if (source == vertex.operators.begin() + static_cast<std::ptrdiff_t>(at)) continue;
      const auto index = static_cast<std::size_t>(source - vertex.operators.begin());
      spec.chain.nodes[index].links.push_back(
          {.output = input.output, .is_writer = false, .index = static_cast<std::uint32_t>(at), .input = input.input});
      is_linked = true;
    }
    if (!is_linked) return wrong(fmt::format("operator '{}' of {} has no input in its chain", node.name, vertex.name));
  }
  for (std::size_t writer = 0; writer < spec.outputs.size(); ++writer) {
    const plan::JobEdge& edge = job_graph_.edges[spec.outputs[writer].edge];
    const auto source = std::find(vertex.operators.begin(), vertex.operators.end(), edge.source_operator);
    if (source == vertex.operators.end())
      return wrong(fmt::format("edge {} leaves an operator that is not in {}", edge.id, vertex.name));
    spec.chain.nodes[static_cast<std::size_t>(source - vertex.operators.begin())].links.push_back(
        {.output = edge.output, .is_writer = true, .index = static_cast<std::uint32_t>(writer)});
  }
  return {};
}

}  // namespace weir::taskmanager

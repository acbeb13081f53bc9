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

}  // namespace

TaskBuilder::TaskBuilder(const StreamGraph& graph, const plan::JobGraph& job_graph, Settings settings,
                         ExchangeRegistry& registry, WakerOf waker_of)
    : graph_(graph),
      job_graph_(job_graph),
      settings_(std::move(settings)),
      registry_(registry),
      waker_of_(std::move(waker_of)) {
  for (const plan::JobEdge& edge : job_graph_.edges) {
    edges_.push_back({&edge, static_cast<std::uint32_t>(job_graph_.index_of(edge.source_vertex)),
                      static_cast<std::uint32_t>(job_graph_.index_of(edge.target_vertex)), edge_node(edge)});
  }
}

std::uint32_t TaskBuilder::parallelism(std::uint32_t vertex) const {
  return static_cast<std::uint32_t>(job_graph_.vertices[vertex].parallelism);
}

Result<void> TaskBuilder::begin(std::shared_ptr<const plan::TaskTable> table) {
  if (table->tasks.size() != job_graph_.vertices.size())
    return wrong(fmt::format("a table of {} vertices for {}", table->tasks.size(), job_graph_.vertices.size()));
  for (std::size_t at = 0; at < table->tasks.size(); ++at) {
    const plan::JobVertex& vertex = job_graph_.vertices[at];
    if (table->tasks[at].size() != static_cast<std::size_t>(vertex.parallelism))
      return wrong(fmt::format("{} tasks of {} in {}", table->tasks[at].size(), vertex.parallelism, vertex.name));
  }
  is_local_.clear();
  for (const auto& place : table->places) is_local_.push_back(place.id.to_string() == settings_.task_manager_id);
  table_ = std::move(table);
  return {};
}

Result<const plan::PlacedTask*> TaskBuilder::local(plan::TaskIndex task) const {
  const plan::PlacedTask& placed = table_->at(task);
  const auto name = [&] {
    return fmt::format("subtask {} of {}", task.subtask, job_graph_.vertices[task.vertex].name);
  };
  if (placed.execution.is_none()) return wrong(name() + " has no place");
  if (!is_local_[placed.place]) return nullptr;
  if (placed.slot >= settings_.slots)
    return wrong(fmt::format("{} is in slot {} of {}", name(), placed.slot, settings_.slots));
  return &placed;
}

Result<std::unique_ptr<TaskSpec>> TaskBuilder::build(plan::TaskIndex task) {
  if (table_ == nullptr || !table_->contains(task))
    return wrong(fmt::format("there is no subtask {} of vertex {}", task.subtask, task.vertex));
  const plan::JobVertex& vertex = job_graph_.vertices[task.vertex];
  TRY(const plan::PlacedTask* const placed, local(task));
  if (placed == nullptr) return wrong(fmt::format("subtask {} of {} is not placed here", task.subtask, vertex.name));
  auto spec = std::make_unique<TaskSpec>();
  spec->record = std::make_shared<TaskRecord>();
  spec->record->execution = placed->execution;
  spec->record->slot = placed->slot;
  proto::TaskAddress address;
  address.set_vertex(vertex.id.to_bytes());
  address.set_subtask(task.subtask);
  address.set_attempt(placed->attempt);
  address.set_execution(placed->execution.to_bytes());
  spec->record->address = address.SerializeAsString();
  spec->record->metrics = std::make_shared<TaskMetrics>();
  spec->slot = placed->slot;
  spec->depth = task.vertex;
  spec->facts = {.job_name = job_graph_.job_name,
                 .task_name = vertex.name,
                 .subtask = task.subtask,
                 .parallelism = static_cast<std::uint32_t>(vertex.parallelism),
                 .max_parallelism = static_cast<std::uint32_t>(vertex.max_parallelism),
                 .attempt = placed->attempt,
                 .record_bytes_max = settings_.record_bytes_max,
                 .settings = settings_.job_settings};
  spec->flush = settings_.flush;
  spec->table = table_;
  TRY_VOID(add_inputs(task, *spec));
  TRY_VOID(add_outputs(task, *spec));
  TRY_VOID(add_chain(vertex, *spec));
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

Peers TaskBuilder::peers_of(std::uint32_t vertex, plan::SubtaskRange range) const {
  const plan::JobVertex& described = job_graph_.vertices[vertex];
  Peers peers{.vertex = vertex,
              .vertex_name = described.name,
              .parallelism = static_cast<std::uint32_t>(described.parallelism),
              .tasks = std::vector<Peer>(range.size())};
  for (std::uint32_t i = 0; i < range.size(); ++i) peers.tasks[i].subtask = range.first + i;
  return peers;
}

Result<void> TaskBuilder::add_inputs(plan::TaskIndex task, TaskSpec& spec) {
  for (const Edge& edge : edges_) {
    if (edge.target != task.vertex) continue;
    if (!edge.node.ok()) return edge.node.error();
    const plan::JobEdge& described = *edge.edge;
    InputSpec input{.edge = described.id,
                    .input = described.input,
                    .layout = graph_.operators[described.source_operator - 1].outputs[described.output].layout,
                    .window = settings_.window};
    input.producers = peers_of(edge.source, plan::producers_of(described.partitioner, task.subtask,
                                                               parallelism(edge.source), parallelism(edge.target)));
    input.signals = std::make_shared<GateSignals>(input.producers.tasks.size());
    for (std::uint32_t at = 0; at < input.producers.tasks.size(); ++at) {
      Peer& peer = input.producers.tasks[at];
      TRY(const plan::PlacedTask* const placed, local({edge.source, peer.subtask}));
      if (placed == nullptr) continue;
      peer.local = registry_.channel({described.id, placed->execution, spec.record->execution}, settings_.window,
                                     waker_of_(placed->slot), waker_of_(spec.slot));
      peer.local->attach(input.signals, at);
    }
    spec.inputs.push_back(std::move(input));
  }
  return {};
}

Result<void> TaskBuilder::add_outputs(plan::TaskIndex task, TaskSpec& spec) {
  for (const Edge& edge : edges_) {
    if (edge.source != task.vertex) continue;
    if (!edge.node.ok()) return edge.node.error();
    const EdgeNode* const node = *edge.node;
    const plan::JobEdge& described = *edge.edge;
    const plan::JobVertex& target = job_graph_.vertices[edge.target];
    if (described.partitioner == plan::Partitioner::hash && !node->make_key_hasher)
      return Error::user(ErrorCode::not_found,
                         fmt::format("the library has no key for the exchange in front of {}", target.name));
    if (described.partitioner == plan::Partitioner::custom && !node->make_router)
      return Error::user(ErrorCode::not_found,
                         fmt::format("the library has no partitioner for the exchange in front of {}", target.name));
    const plan::SubtaskRange range =
        plan::consumers_of(described.partitioner, task.subtask, parallelism(edge.source), parallelism(edge.target));
    OutputSpec output{.edge = described.id,
                      .layout = graph_.operators[described.source_operator - 1].outputs[described.output].layout,
                      .partitioner = {.kind = static_cast<PartitionerKind>(described.partitioner),
                                      .targets = range.size(),
                                      .max_parallelism = static_cast<std::uint32_t>(target.max_parallelism),
                                      .subtask = spec.facts.subtask},
                      .plan = node};
    output.consumers = peers_of(edge.target, range);
    for (Peer& peer : output.consumers.tasks) {
      TRY(const plan::PlacedTask* const placed, local({edge.target, peer.subtask}));
      if (placed == nullptr) continue;
      peer.local = registry_.channel({described.id, spec.record->execution, placed->execution}, settings_.window,
                                     waker_of_(spec.slot), waker_of_(placed->slot));
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

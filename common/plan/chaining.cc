#include "common/plan/chaining.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "common/base/text.h"
#include "common/base/try.h"

namespace weir::plan {

namespace {

/// Ids of the operators that take their input from `id` inside the chain.
std::vector<std::uint32_t> followers(const Plan& plan, const std::vector<std::uint32_t>& chain, std::uint32_t id) {
  std::vector<std::uint32_t> found;
  for (std::uint32_t candidate : chain) {
    if (candidate == chain.front()) continue;
    if (plan.operator_by_id(candidate).inputs.front().source == id) found.push_back(candidate);
  }
  return found;
}

std::string name_from(const Plan& plan, const std::vector<std::uint32_t>& chain, std::uint32_t id) {
  const auto next = followers(plan, chain, id);
  std::string name = display_name(plan.operator_by_id(id));
  if (next.empty()) return name;
  if (next.size() == 1) return name + " -> " + name_from(plan, chain, next.front());
  std::string list;
  for (std::uint32_t follower : next) list += (list.empty() ? "" : ", ") + name_from(plan, chain, follower);
  return name + " -> (" + list + ")";
}

void describe_from(const Plan& plan, const std::vector<std::uint32_t>& chain, std::uint32_t id,
                   const std::string& prefix, std::string& text) {
  const auto next = followers(plan, chain, id);
  for (std::size_t i = 0; i < next.size(); ++i) {
    const bool last = i + 1 == next.size();
    text += prefix + (last ? "+- " : ":- ") + display_name(plan.operator_by_id(next[i])) + "\n";
    describe_from(plan, chain, next[i], prefix + (last ? "   " : ":  "), text);
  }
}

/// The head's own limit, else the smallest that a later operator of the chain asks for, else the job's, else the
/// formula.
int chain_max_parallelism(const Plan& plan, const std::vector<std::uint32_t>& chain, int parallelism,
                          const GraphSettings& settings) {
  if (int own = plan.operator_by_id(chain.front()).max_parallelism; own > 0) return own;
  int smallest = 0;
  for (std::uint32_t id : chain) {
    int asked = plan.operator_by_id(id).max_parallelism;
    if (asked > 0 && (smallest == 0 || asked < smallest)) smallest = asked;
  }
  if (smallest > 0) return smallest;
  if (plan.max_parallelism > 0) return plan.max_parallelism;
  if (settings.default_max_parallelism > 0) return settings.default_max_parallelism;
  return default_max_parallelism(parallelism);
}

Result<void> check_uids(const Plan& plan) {
  std::map<std::string_view, const PlannedOperator*> seen;
  for (const auto& planned : plan.operators) {
    if (planned.uid.empty()) continue;
    auto [other, fresh] = seen.emplace(planned.uid, &planned);
    if (!fresh) {
      return Error::user(
          ErrorCode::invalid_argument,
          fmt::format("two operators have the uid '{}': '{}' and '{}'; a uid names one operator of a job", planned.uid,
                      other->second->name, planned.name));
    }
  }
  return {};
}

Result<JobVertex> make_vertex(const Plan& plan, std::vector<std::uint32_t> chain, int parallelism,
                              const GraphSettings& settings) {
  const PlannedOperator& head = plan.operator_by_id(chain.front());
  JobVertex vertex;
  for (const std::uint32_t id : chain) vertex.operator_ids.push_back(stable_operator_id(plan.operator_by_id(id)));
  vertex.id = VertexId(vertex.operator_ids.front().bytes());
  vertex.name = chain_name(plan, chain);
  vertex.parallelism = parallelism;
  vertex.max_parallelism = chain_max_parallelism(plan, chain, parallelism, settings);
  vertex.slot_sharing_group = head.slot_sharing_group;
  vertex.operators = std::move(chain);
  if (vertex.parallelism > kParallelismMax || vertex.max_parallelism > kParallelismMax) {
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format("operator '{}': parallelism and max parallelism are at most {}, asked for: {} and {}", head.name,
                    kParallelismMax, vertex.parallelism, vertex.max_parallelism));
  }
  if (vertex.parallelism > vertex.max_parallelism) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("operator '{}': its parallelism {} is above its max parallelism {}; lower the one "
                                   "or raise the other (pipeline.max-parallelism)",
                                   head.name, vertex.parallelism, vertex.max_parallelism));
  }
  return vertex;
}

Error refuse_blocking(const PlannedOperator& consumer) {
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("the exchange in front of '{}' is blocking, and this version runs pipelined exchanges "
                                 "only: leave its mode out",
                                 display_name(consumer)));
}

Error refuse_forward(const PlannedOperator& from, int from_parallelism, const PlannedOperator& to, int to_parallelism) {
  return Error::user(ErrorCode::invalid_argument,
                     fmt::format("forward() does not allow a change of parallelism: '{}' has {}, '{}' behind it has "
                                 "{}; use rebalance(), rescale(), "
                                 "shuffle(), broadcast() or global()",
                                 display_name(from), from_parallelism, display_name(to), to_parallelism));
}

}  // namespace

int default_max_parallelism(int parallelism) {
  const auto wanted = static_cast<std::uint64_t>(parallelism) + static_cast<std::uint64_t>(parallelism) / 2;
  return static_cast<int>(std::clamp<std::uint64_t>(std::bit_ceil(wanted), 128, kParallelismMax));
}

std::vector<int> resolve_parallelism(const Plan& plan, const GraphSettings& settings) {
  int job = plan.parallelism;
  if (job <= 0) job = settings.submission_parallelism;
  if (job <= 0) job = settings.default_parallelism;
  std::vector<int> resolved;
  for (const auto& planned : plan.operators)
    resolved.push_back(planned.parallelism > 0 ? planned.parallelism : std::max(job, 1));
  return resolved;
}

bool is_chained(const Plan& plan, const PlannedOperator& consumer, const std::vector<int>& parallelism,
                bool chaining_enabled) {
  if (!chaining_enabled || consumer.chaining != Chaining::always || consumer.inputs.size() != 1) return false;
  const OperatorInput& input = consumer.inputs.front();
  const PlannedOperator& producer = plan.operator_by_id(input.source);
  return input.partitioner == Partitioner::forward && input.mode == ExchangeMode::pipelined &&
         producer.chaining != Chaining::never && producer.slot_sharing_group == consumer.slot_sharing_group &&
         parallelism[producer.id - 1] == parallelism[consumer.id - 1];
}

std::string display_name(const PlannedOperator& planned) {
  const std::string& name = planned.name.empty() ? planned.kind : planned.name;
  std::string_view word;
  if (planned.role == OperatorRole::source) word = "Source: ";
  if (planned.role == OperatorRole::sink) word = "Sink: ";
  return name.starts_with(word) ? name : std::string(word) + name;
}

std::string chain_name(const Plan& plan, const std::vector<std::uint32_t>& chain) {
  return name_from(plan, chain, chain.front());
}

std::string chain_description(const Plan& plan, const std::vector<std::uint32_t>& chain) {
  std::string text = display_name(plan.operator_by_id(chain.front())) + "\n";
  describe_from(plan, chain, chain.front(), "", text);
  return text;
}

namespace {

/// Errors: a source without an end in a BATCH job.
Result<bool> is_batch(const Plan& plan, RuntimeMode mode) {
  if (mode == RuntimeMode::streaming) return false;
  for (const PlannedOperator& planned : plan.operators) {
    if (planned.role != OperatorRole::source || planned.bounded) continue;
    if (mode == RuntimeMode::automatic) return false;
    return Error::user(
        ErrorCode::invalid_argument,
        fmt::format(
            "source '{}' has no end, and a job with execution.runtime-mode BATCH takes only sources that have one: "
            "set it to STREAMING or AUTOMATIC",
            printable(planned.name, 200)));
  }
  return true;
}

}  // namespace

Result<JobGraph> make_job_graph(const Plan& plan, const GraphSettings& settings) {
  if (plan.operators.empty()) {
    return Error::user(ErrorCode::invalid_argument, "the job has no operators: its build function made no stream");
  }
  TRY_VOID(check_uids(plan));
  const std::vector<int> parallelism = resolve_parallelism(plan, settings);

  // Chains in the order of their heads. Inputs name earlier operators, so this order is topological.
  std::vector<std::vector<std::uint32_t>> chains;
  std::vector<std::size_t> chain_of(plan.operators.size());
  for (const auto& planned : plan.operators) {
    if (is_chained(plan, planned, parallelism, settings.chaining)) {
      chain_of[planned.id - 1] = chain_of[planned.inputs.front().source - 1];
    } else {
      chain_of[planned.id - 1] = chains.size();
      chains.emplace_back();
    }
    chains[chain_of[planned.id - 1]].push_back(planned.id);
  }

  JobGraph graph;
  graph.job_name = plan.job_name;
  graph.fingerprint = plan.fingerprint;
  TRY(graph.is_batch, is_batch(plan, settings.mode));
  for (auto& chain : chains) {
    const int chain_parallelism = parallelism[chain.front() - 1];
    TRY(auto vertex, make_vertex(plan, std::move(chain), chain_parallelism, settings));
    graph.vertices.push_back(std::move(vertex));
  }
  if (graph.task_count() > kTasksMax) {
    return Error::user(ErrorCode::invalid_argument,
                       fmt::format("the job has {} tasks, more than the limit of {}", graph.task_count(), kTasksMax));
  }
  for (const auto& planned : plan.operators) {
    const JobVertex& target = graph.vertices[chain_of[planned.id - 1]];
    if (target.operators.front() != planned.id) continue;
    for (const auto& input : planned.inputs) {
      const JobVertex& source = graph.vertices[chain_of[input.source - 1]];
      JobEdge edge;
      edge.id = static_cast<std::uint32_t>(graph.edges.size());
      edge.source_vertex = source.id;
      edge.target_vertex = target.id;
      edge.source_operator = input.source;
      edge.target_operator = planned.id;
      edge.output = input.output;
      edge.input = input.input;
      edge.partitioner = input.partitioner;
      // Where nobody asked for forward by name, rows are spread evenly between different parallelisms, as Flink does.
      if (edge.partitioner == Partitioner::forward && source.parallelism != target.parallelism) {
        if (input.strict)
          return refuse_forward(plan.operator_by_id(input.source), source.parallelism, planned, target.parallelism);
        edge.partitioner = Partitioner::rebalance;
      }
      edge.schema_id = plan.operator_by_id(input.source).outputs[input.output].schema_id;
      edge.mode = input.mode;
      if (edge.mode == ExchangeMode::blocking) return refuse_blocking(planned);
      graph.edges.push_back(edge);
    }
  }
  return graph;
}

}  // namespace weir::plan

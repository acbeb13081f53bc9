#include "api/loader/plan_builder.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/plan.pb.h"
#include "weir/key_group.h"

namespace weir {
namespace {

Error refuse(std::string message) { return Error::user(ErrorCode::invalid_argument, std::move(message)); }

std::string shown(const OperatorNode& node) { return node.kind + " \"" + node.name + "\""; }

Result<void> check_parallelism(int parallelism, int max_parallelism, const std::string& where) {
  const int most = static_cast<int>(kKeyGroupsMax);
  if (parallelism < 0 || parallelism > most) {
    return refuse("parallelism out of range in " + where + ": " + std::to_string(parallelism) + ", allowed are 1 to " +
                  std::to_string(most));
  }
  if (max_parallelism < 0 || max_parallelism > most) {
    return refuse("max parallelism out of range in " + where + ": " + std::to_string(max_parallelism) +
                  ", allowed are 1 to " + std::to_string(most));
  }
  if (max_parallelism != 0 && parallelism > max_parallelism) {
    return refuse("parallelism above max parallelism in " + where + ": " + std::to_string(parallelism) + " > " +
                  std::to_string(max_parallelism));
  }
  return {};
}

Result<void> check_operators(const StreamGraph& graph) {
  if (graph.operators.empty())
    return refuse("the job has no operators: begin with env.from_source(...) and end with .sink_to(...)");
  std::set<std::string> uids;
  std::vector<bool> consumed(graph.operators.size() + 1, false);
  for (const OperatorNode& node : graph.operators) {
    if (node.name.empty())
      return refuse("an operator of the job has an empty name: " + node.kind + " number " + std::to_string(node.id));
    if (!node.uid.empty() && !uids.insert(node.uid).second) {
      return refuse("two operators have the uid \"" + node.uid + "\": give each its own; the second is " + shown(node));
    }
    Result<void> fits = check_parallelism(node.parallelism, node.max_parallelism, shown(node));
    if (!fits.ok()) return fits;
    for (const EdgeNode& edge : node.inputs) {
      if (edge.source == 0 || edge.source >= node.id) {
        return refuse(shown(node) + " reads from operator " + std::to_string(edge.source) +
                      ", which was not made before it: a job's graph has no loops");
      }
      consumed[edge.source] = true;
    }
  }
  for (const OperatorNode& node : graph.operators) {
    if (node.role != OperatorRole::sink && !consumed[node.id]) {
      return refuse("nothing consumes " + shown(node) +
                    ": end the stream with .sink_to(...); where the records are not wanted, with "
                    ".sink_to(weir::connectors::DiscardSink<T>()) of weir/connectors/console.h");
    }
  }
  return {};
}

void write_operator(const OperatorNode& node, proto::OperatorPlan& out) {
  out.set_id(node.id);
  out.set_name(node.name);
  out.set_uid(node.uid);
  out.set_kind(node.kind);
  out.set_role(static_cast<proto::OperatorRole>(node.role));
  out.set_parallelism(node.parallelism);
  out.set_max_parallelism(node.max_parallelism);
  out.set_slot_sharing_group(node.slot_sharing_group);
  out.set_chaining(static_cast<proto::Chaining>(node.chaining));
  out.set_stateful(node.stateful);
  out.set_bounded(node.bounded);
  for (const EdgeNode& edge : node.inputs) {
    proto::EdgePlan& plan = *out.add_inputs();
    plan.set_source(edge.source);
    plan.set_output(edge.output);
    plan.set_input(edge.input);
    plan.set_partitioner(static_cast<proto::Partitioner>(edge.partitioner));
    plan.set_key_schema(edge.key_schema);
    plan.set_strict(edge.strict);
  }
  for (const OutputNode& output : node.outputs) {
    proto::OutputPlan& plan = *out.add_outputs();
    plan.set_tag(output.tag);
    plan.set_schema(output.schema);
    plan.set_schema_id(output.layout.schema_id);
  }
}

}  // namespace

Result<void> build_plan(const StreamGraph& graph, proto::Plan& plan) {
  Result<void> good = check_operators(graph);
  if (!good.ok()) return good;
  good = check_parallelism(graph.parallelism, graph.max_parallelism, "the job");
  if (!good.ok()) return good;
  plan.Clear();
  plan.set_job_name(graph.job_name);
  plan.set_parallelism(graph.parallelism);
  plan.set_max_parallelism(graph.max_parallelism);
  plan.mutable_configuration()->insert(graph.configuration.begin(), graph.configuration.end());
  for (const OperatorNode& node : graph.operators) {
    write_operator(node, *plan.add_operators());
    if (node.stateful && node.uid.empty()) {
      plan.add_warnings("stateful operator without uid: " + shown(node) +
                        "; give it .uid(\"...\"), or its state is lost when the job changes");
    }
  }
  return {};
}

}  // namespace weir

#include "common/plan/plan_json.h"

#include <boost/json.hpp>

#include "common/plan/chaining.h"

namespace weir::plan {

namespace {

namespace json = boost::json;

std::string html(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\n': escaped += "<br/>"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

json::object node(const JobGraph& graph, const Plan& plan, const JobVertex& vertex) {
  json::object object;
  object["id"] = vertex.id.to_hex();
  object["parallelism"] = vertex.parallelism;
  object["operator"] = "";
  object["operator_strategy"] = "";
  object["description"] = html(chain_description(plan, vertex.operators));
  json::array inputs;
  for (const auto& edge : graph.edges) {
    if (edge.target_vertex != vertex.id) continue;
    json::object input;
    input["num"] = inputs.size();
    input["id"] = edge.source_vertex.to_hex();
    input["ship_strategy"] = ship_strategy(edge.partitioner);
    input["exchange"] = "pipelined_bounded";
    inputs.push_back(std::move(input));
  }
  if (!inputs.empty()) object["inputs"] = std::move(inputs);
  object["optimizer_properties"] = json::object();
  return object;
}

}  // namespace

std::string plan_json(const JobGraph& graph, const Plan& plan, const std::string& job_id) {
  json::array nodes;
  for (auto vertex = graph.vertices.rbegin(); vertex != graph.vertices.rend(); ++vertex)
    nodes.push_back(node(graph, plan, *vertex));
  json::object object;
  object["jid"] = job_id;
  object["name"] = graph.job_name;
  object["type"] = graph.is_batch ? "BATCH" : "STREAMING";
  object["nodes"] = std::move(nodes);
  return json::serialize(object);
}

}  // namespace weir::plan

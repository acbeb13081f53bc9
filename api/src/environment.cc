#include "weir/environment.h"

#include <atomic>
#include <stdexcept>

#include "weir/key_group.h"
#include "weir/parameters.h"

namespace weir {

namespace {

void check_parallelism(const char* what, int value) {
  if (value >= 1 && value <= static_cast<int>(kKeyGroupsMax)) return;
  throw std::invalid_argument(std::string(what) + " must be between 1 and " + std::to_string(kKeyGroupsMax) + ", not " +
                              std::to_string(value));
}

}  // namespace

StreamExecutionEnvironment::StreamExecutionEnvironment(std::map<std::string, std::string> configuration)
    : graph_(std::make_unique<StreamGraph>()),
      configuration_(std::make_move_iterator(configuration.begin()), std::make_move_iterator(configuration.end())) {}

StreamExecutionEnvironment& StreamExecutionEnvironment::set_job_name(std::string name) {
  graph_->job_name = std::move(name);
  return *this;
}
StreamExecutionEnvironment& StreamExecutionEnvironment::set_parallelism(int parallelism) {
  check_parallelism("the job's parallelism", parallelism);
  graph_->parallelism = parallelism;
  return *this;
}
StreamExecutionEnvironment& StreamExecutionEnvironment::set_max_parallelism(int max_parallelism) {
  check_parallelism("the job's max parallelism", max_parallelism);
  graph_->max_parallelism = max_parallelism;
  return *this;
}
StreamExecutionEnvironment& StreamExecutionEnvironment::set(std::string key, std::string value) {
  graph_->configuration[std::move(key)] = std::move(value);
  return *this;
}
StreamExecutionEnvironment& StreamExecutionEnvironment::set_global_job_parameters(const Parameters& parameters) {
  return set("pipeline.global-job-parameters", parameters.text());
}
std::string_view StreamExecutionEnvironment::get(std::string_view key) const {
  const auto given = configuration_.find(key);
  if (given != configuration_.end()) return given->second;
  const auto own = graph_->configuration.find(std::string(key));
  return own == graph_->configuration.end() ? std::string_view() : std::string_view(own->second);
}
StreamGraph StreamExecutionEnvironment::take_graph() {
  StreamGraph taken = std::move(*graph_);
  *graph_ = {};
  return taken;
}

namespace detail {

OperatorNode& add_operator(StreamGraph& graph, OperatorRole role, std::string kind, std::string name,
                           std::vector<EdgeNode> inputs) {
  OperatorNode& node = graph.operators.emplace_back();
  node.id = static_cast<std::uint32_t>(graph.operators.size());
  node.role = role;
  node.kind = std::move(kind);
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  return node;
}

void set_node_uid(OperatorNode& node, std::string uid) {
  if (uid.empty()) throw std::invalid_argument("the uid of operator \"" + node.name + "\" is empty");
  node.uid = std::move(uid);
}
void set_node_parallelism(OperatorNode& node, int parallelism) {
  check_parallelism(("the parallelism of operator \"" + node.name + "\"").c_str(), parallelism);
  node.parallelism = parallelism;
}
void set_node_max_parallelism(OperatorNode& node, int max_parallelism) {
  check_parallelism(("the max parallelism of operator \"" + node.name + "\"").c_str(), max_parallelism);
  node.max_parallelism = max_parallelism;
}
void set_node_slot_sharing_group(OperatorNode& node, std::string group) {
  if (group.empty())
    throw std::invalid_argument("the slot sharing group of operator \"" + node.name + "\" has an empty name");
  node.slot_sharing_group = std::move(group);
}

void throw_other_environment(const char* call) {
  throw std::invalid_argument(std::string(call) + ": the streams belong to two environments");
}
void throw_no_such_subtask(std::int64_t answered, std::uint32_t subtasks) {
  throw std::out_of_range("partition_custom: the partitioner answered " + std::to_string(answered) +
                          " where it may answer 0 to " + std::to_string(subtasks - 1) + ": there are " +
                          std::to_string(subtasks) + " subtasks behind it");
}
void throw_no_dead_letter(const std::string& source) {
  throw std::invalid_argument(
      "bad_records: \"" + source +
      "\" does not hand on its bad records; it is no source, or was not told on_bad_record = dead_letter");
}
void throw_tag_taken(const std::string& tag) {
  throw std::invalid_argument("side output \"" + tag + "\": a source has none, and two of one name must have one type");
}

void throw_no_on_timer() {
  throw std::logic_error(
      "a timer was registered, but this function has no on_timer; give process() one object with "
      "void on_timer(weir::EventTime, weir::KeyedContext<K>&, weir::Collector<Out>&)");
}
void throw_key_not_in_schema(std::string_view record) {
  throw std::invalid_argument("key_by() or partition_custom(): the member given as key is not among the fields of " +
                              std::string(record) + "; list it in weir::Schema, or give a function of a record");
}
std::uint64_t next_output_tag_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}
void throw_wrong_side_type(std::string_view tag, std::string_view declared, std::string_view used) {
  throw std::logic_error("side output \"" + std::string(tag) + "\" is read as " + std::string(declared) +
                         " and written as " + std::string(used));
}

}  // namespace detail
}  // namespace weir

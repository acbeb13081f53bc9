#include <doctest/doctest.h>

#include "tests/unit/api/records.h"
#include "weir/environment.h"

using namespace weir;
using namespace weir::test;

namespace {

template <class T>
struct Nowhere : Sink<T> {
  std::string name() const override { return "nowhere"; }
  std::unique_ptr<Operator> make_writer() const override { return nullptr; }
};
struct Lines : Source<std::string> {
  OnBadRecord bad = OnBadRecord::fail;
  explicit Lines(OnBadRecord bad) : bad(bad) {}
  std::string name() const override { return "lines"; }
  bool bounded() const override { return false; }
  OnBadRecord on_bad_record() const override { return bad; }
  std::unique_ptr<SourceReader> make_reader() const override { return nullptr; }
};

}  // namespace

TEST_CASE("graph: calls on streams become operators and edges in the order of making") {
  StreamExecutionEnvironment env;
  auto lines = env.from_source(Lines(OnBadRecord::fail)).name("in").uid("u-in").set_parallelism(2);
  auto sizes = lines.map([](const std::string& line) { return static_cast<std::int64_t>(line.size()); });
  sizes.key_by([](std::int64_t n) { return n; })
      .reduce([](std::int64_t a, std::int64_t b) { return a + b; })
      .set_max_parallelism(64)
      .slot_sharing_group("heavy")
      .start_new_chain()
      .union_with(sizes.rebalance())
      .sink_to(Nowhere<std::int64_t>())
      .disable_chaining();
  const StreamGraph graph = env.take_graph();
  REQUIRE(graph.operators.size() == 4);
  CHECK(graph.operators[0].role == OperatorRole::source);
  CHECK(graph.operators[0].name == "in");
  CHECK(graph.operators[0].uid == "u-in");
  CHECK(graph.operators[0].parallelism == 2);
  CHECK_FALSE(graph.operators[0].bounded);
  CHECK(graph.operators[0].outputs[0].schema == "string");
  CHECK(graph.operators[1].kind == "Map");
  CHECK(graph.operators[1].inputs[0].source == 1);
  CHECK(graph.operators[1].inputs[0].partitioner == PartitionerKind::forward);
  CHECK(graph.operators[2].kind == "Keyed Reduce");
  CHECK(graph.operators[2].stateful);
  CHECK(graph.operators[2].max_parallelism == 64);
  CHECK(graph.operators[2].slot_sharing_group == "heavy");
  CHECK(graph.operators[2].chaining == Chaining::head);
  CHECK(graph.operators[2].inputs[0].partitioner == PartitionerKind::hash);
  CHECK(graph.operators[2].inputs[0].key_schema == "int64");
  CHECK(graph.operators[2].inputs[0].make_key_hasher() != nullptr);
  CHECK(graph.operators[3].role == OperatorRole::sink);
  CHECK(graph.operators[3].inputs.size() == 2);
  CHECK(graph.operators[3].inputs[0].source == 3);
  CHECK(graph.operators[3].inputs[1].source == 2);
  CHECK(graph.operators[3].inputs[1].partitioner == PartitionerKind::rebalance);
  CHECK(graph.operators[3].chaining == Chaining::never);
  CHECK(env.graph().operators.empty());
}

TEST_CASE(
    "graph: each way to spread records is one partitioner, the last one said counts, and forward by name is strict") {
  StreamExecutionEnvironment env;
  auto lines = env.from_source(Lines(OnBadRecord::fail));
  const auto one = [](Text, int) { return 0; };
  const auto edge = [](const auto& stream) { return stream.upstream()[0]; };
  CHECK(edge(lines).partitioner == PartitionerKind::forward);
  CHECK_FALSE(edge(lines).strict);
  CHECK(edge(lines.forward()).partitioner == PartitionerKind::forward);
  CHECK(edge(lines.forward()).strict);
  CHECK(edge(lines.rebalance()).partitioner == PartitionerKind::rebalance);
  CHECK(edge(lines.rescale()).partitioner == PartitionerKind::rescale);
  CHECK(edge(lines.shuffle()).partitioner == PartitionerKind::shuffle);
  CHECK(edge(lines.broadcast()).partitioner == PartitionerKind::broadcast);
  CHECK(edge(lines.global()).partitioner == PartitionerKind::global);
  const auto self = [](const std::string& s) { return std::string_view(s); };
  const EdgeNode custom = edge(lines.forward().partition_custom(one, self));
  CHECK(custom.partitioner == PartitionerKind::custom);
  CHECK(custom.key_schema == "string");
  CHECK(custom.make_router != nullptr);
  CHECK_FALSE(custom.strict);
  CHECK(edge(lines.partition_custom(one, self).rescale()).make_router == nullptr);
  CHECK(edge(lines.partition_custom(one, self).key_by(self)).make_router == nullptr);
  CHECK(edge(lines.partition_custom(one, self).key_by(self)).partitioner == PartitionerKind::hash);
}

TEST_CASE("graph: key schemas of string keys are one, however they are written") {
  StreamExecutionEnvironment env;
  auto lines = env.from_source(Lines(OnBadRecord::fail));
  const auto schema = [](const auto& stream) { return stream.upstream()[0].key_schema; };
  CHECK(schema(lines.key_by([](const std::string& s) { return s; })) == "string");
  CHECK(schema(lines.key_by([](const std::string& s) { return std::string_view(s); })) == "string");
  CHECK(schema(lines.key_by([](const std::string& s) { return Text::borrow(s); })) == "string");
  CHECK(schema(lines.key_by([](const std::string&) { return Colour::red; })) == "enum<uint8>");
}

TEST_CASE("graph: the hash of rows is the key's, by member and by function alike") {
  StreamExecutionEnvironment env;
  auto bids = env.from_collection<Bid>({});
  const auto member = bids.key_by(&Bid::url).upstream()[0].make_key_hasher();
  const auto function = bids.key_by([](const Bid& b) { return b.url; }).upstream()[0].make_key_hasher();
  alignas(64) static std::uint8_t memory[sizeof(Block) + kBlockCapacity];
  auto* block = ::new (memory) Block;
  block->capacity = kBlockCapacity;
  block->reset(RowCodec<Bid>::layout(), 0);
  Bid bid;
  bid.url = "some url";
  REQUIRE(RowCodec<Bid>::append(bid, *block));
  bid.url = "another";
  REQUIRE(RowCodec<Bid>::append(bid, *block));
  const std::uint16_t selection[] = {1};
  Batch batch(block, selection, 1);
  std::uint64_t hash = 0;
  member->hash(batch, &hash);
  CHECK(hash == hash_bytes("another"));
  function->hash(batch, &hash);
  CHECK(hash == hash_bytes("another"));
}

TEST_CASE("graph: bad records are a side output of a source that hands them on") {
  StreamExecutionEnvironment env;
  auto lines = env.from_source(Lines(OnBadRecord::dead_letter));
  lines.bad_records().sink_to(Nowhere<BadRecord>());
  CHECK(env.graph().operators[0].outputs[1].tag == "bad-records");
  CHECK(env.graph().operators[1].inputs[0].output == 1);
  CHECK_THROWS_WITH(env.from_source(Lines(OnBadRecord::skip)).bad_records(),
                    "bad_records: \"lines\" does not hand on its bad records; it is no source, or was not told "
                    "on_bad_record = dead_letter");
}

TEST_CASE("graph: side outputs of one name and type are one, of another type refused") {
  StreamExecutionEnvironment env;
  auto lines = env.from_source(Lines(OnBadRecord::fail)).map([](const std::string& s) { return s; });
  const OutputTag<std::int64_t> a("a");
  const OutputTag<std::int64_t> b("b");
  CHECK(lines.side_output(a).upstream()[0].output == 1);
  CHECK(lines.side_output(b).upstream()[0].output == 2);
  CHECK(lines.side_output(a).upstream()[0].output == 1);
  CHECK_THROWS(lines.side_output(OutputTag<std::string>("a")));
}

TEST_CASE("graph: what is out of range is refused where it is written") {
  StreamExecutionEnvironment env;
  auto lines = env.from_source(Lines(OnBadRecord::fail));
  CHECK_THROWS_WITH(lines.set_parallelism(0),
                    "the parallelism of operator \"lines\" must be between 1 and 32768, not 0");
  CHECK_THROWS(lines.set_max_parallelism(40000));
  CHECK_THROWS(lines.uid(""));
  CHECK_THROWS(lines.slot_sharing_group(""));
  CHECK_THROWS(env.set_parallelism(-1));
  StreamExecutionEnvironment other;
  CHECK_THROWS_WITH(lines.union_with(other.from_source(Lines(OnBadRecord::fail))),
                    "union_with: the streams belong to two environments");
}

TEST_CASE("environment: settings of the submission win over the build function's") {
  StreamExecutionEnvironment env(std::map<std::string, std::string>{{"pipeline.name", "given"}});
  env.set("pipeline.name", "own").set("pipeline.x", "y");
  CHECK(env.get("pipeline.name") == "given");
  CHECK(env.get("pipeline.x") == "y");
  CHECK(env.get("pipeline.z") == "");
  CHECK(env.graph().configuration.at("pipeline.name") == "own");
}

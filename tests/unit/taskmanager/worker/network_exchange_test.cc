// Exchanges between two runtimes over loopback sockets: right, slow, broken and hostile.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "taskmanager/exchange/data_frame.h"
#include "taskmanager/exchange/data_hello.h"
#include "tests/support/engine_cluster.h"
#include "tests/support/engine_operators.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT

namespace {

constexpr std::uint64_t kKeys = 499;

Row numbered(std::uint32_t subtask, std::uint64_t number) {
  return {hash_word(number) % kKeys, number, static_cast<std::int64_t>(subtask)};
}

std::map<std::uint64_t, Seen::Sum> plain_fold(int subtasks, std::uint64_t rows) {
  std::map<std::uint64_t, Seen::Sum> sums;
  for (int subtask = 0; subtask < subtasks; ++subtask)
    for (std::uint64_t number = 0; number < rows; ++number) {
      const Row row = numbered(static_cast<std::uint32_t>(subtask), number);
      ++sums[row.key].count;
      sums[row.key].sum += row.value;
    }
  return sums;
}

EngineCluster::MakeGraph hashed(std::uint64_t rows, std::shared_ptr<Seen> seen, std::function<bool()> is_stopped = {},
                                int parallelism = 2) {
  return [=] {
    RowGraph graph;
    const auto source = graph.source(parallelism, [=] { return std::make_unique<RowSource>(rows, 1000, numbered); });
    graph.sink(parallelism, {source}, PartitionerKind::hash,
               [=] { return std::make_unique<FoldSink>(seen, is_stopped, false); });
    return graph.graph();
  };
}

ClusterSettings two_machines() { return {.task_managers = 2, .slots = 1}; }

std::string all_of(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  return all;
}

bool mentions(const std::vector<std::string>& lines, const std::string& words) {
  return all_of(lines).find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("network exchange: rows between two machines add up to a plain fold") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster(two_machines(), hashed(200'000, seen));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(all_of(cluster.failures()) == "");
  CHECK(seen->by_key == plain_fold(2, 200'000));
}

TEST_CASE("network exchange: two machines of two slots, tasks deployed one by one in any order") {
  for (unsigned order = 1; order <= 4; ++order) {
    const auto seen = std::make_shared<Seen>();
    ClusterSettings settings{.task_managers = 2, .slots = 2, .shuffle_seed = order};
    EngineCluster cluster(settings, hashed(20'000, seen, {}, 4));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    CHECK(cluster.wait_for(proto::FINISHED));
    CHECK(all_of(cluster.failures()) == "");
    CHECK(seen->by_key == plain_fold(4, 20'000));
  }
}

TEST_CASE("network exchange: packed blocks bring the same rows in fewer bytes") {
  std::uint64_t bytes[2] = {0, 0};
  for (const bool is_packed : {false, true}) {
    const auto seen = std::make_shared<Seen>();
    auto settings = two_machines();
    if (is_packed) settings.configuration["pipeline.exchange.compression"] = "lz4";
    std::vector<std::unique_ptr<BadWire>> between;
    settings.port_shown = [&](int, std::uint16_t port) {
      between.push_back(std::make_unique<BadWire>(port));
      return between.back()->port();
    };
    EngineCluster cluster(settings, hashed(100'000, seen));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    CHECK(cluster.wait_for(proto::FINISHED));
    CHECK(all_of(cluster.failures()) == "");
    CHECK(seen->by_key == plain_fold(2, 100'000));
    for (const auto& wire : between) bytes[is_packed] += wire->passed.load();
  }
  CHECK(bytes[0] > 0);
  CHECK(bytes[1] < bytes[0] * 9 / 10);
}

TEST_CASE("network exchange: a few rows arrive though no block is full") {
  const auto seen = std::make_shared<Seen>();
  std::atomic<std::uint64_t> arrived{0};
  EngineCluster cluster(two_machines(), [&] {
    RowGraph graph;
    const auto source = graph.source(2, [&] { return std::make_unique<RowSource>(0, 1, numbered, 5); });
    const auto seen_at = graph.transform(2, source, PartitionerKind::hash,
                                         [&] { return std::make_unique<RowMap>([&](Row&) { ++arrived; }); });
    graph.sink(2, {seen_at}, PartitionerKind::forward,
               [&] { return std::make_unique<FoldSink>(seen, std::function<bool()>(), false); });
    return graph.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  for (int look = 0; look < 2000 && arrived < 20; ++look) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(arrived >= 20);
}

TEST_CASE("network exchange: a reader that stops holds the writer within credit, and then all arrives") {
  const auto seen = std::make_shared<Seen>();
  std::atomic<bool> is_stopped{true};
  auto settings = two_machines();
  settings.pool_bytes = 8u << 20;
  EngineCluster cluster(settings, hashed(400'000, seen, [&] { return is_stopped.load(); }));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  const auto made = [&] {
    std::uint64_t rows = 0;
    for (const auto& counters : cluster.counters()) rows += counters.records_out();
    return rows;
  };
  std::uint64_t before = 1;
  for (int look = 0; look < 200 && made() != before; ++look) {
    before = made();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(made() < 400'000);
  for (int machine = 0; machine < 2; ++machine)
    CHECK(cluster.runtime(machine).pool_usage(0).peak <= cluster.runtime(machine).pool_usage(0).limit);
  is_stopped = false;
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(seen->by_key == plain_fold(2, 400'000));
}

TEST_CASE("network exchange: a stalled wire loses nothing") {
  const auto seen = std::make_shared<Seen>();
  std::unique_ptr<BadWire> wire;
  auto settings = two_machines();
  settings.port_shown = [&](int machine, std::uint16_t port) {
    if (machine != 0) return port;
    if (wire == nullptr) wire = std::make_unique<BadWire>(port);
    return wire->port();
  };
  EngineCluster cluster(settings, hashed(200'000, seen));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  for (int look = 0; look < 2000 && wire->passed < 100'000; ++look)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  wire->is_stalled = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  wire->is_stalled = false;
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(seen->by_key == plain_fold(2, 200'000));
}

TEST_CASE("network exchange: a connection that is cut fails the tasks at both ends with a sentence") {
  const auto seen = std::make_shared<Seen>();
  std::unique_ptr<BadWire> wire;
  auto settings = two_machines();
  settings.port_shown = [&](int machine, std::uint16_t port) {
    if (machine != 0) return port;
    if (wire == nullptr) wire = std::make_unique<BadWire>(port);
    wire->cut_at = 300'000;
    return wire->port();
  };
  EngineCluster cluster(settings, hashed(0, seen));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for_count(proto::FAILED, 2));
  const auto failures = cluster.failures();
  CHECK(mentions(failures, "the connection to task Source: source-1 (1/2) at 127.0.0.1:"));
  CHECK(mentions(failures, "ended before its data"));
  CHECK(mentions(failures, "the connection to task Sink: sink-2 (2/2) at tm-1 at 127.0.0.1:"));
  CHECK(mentions(failures, "ended before it had taken all data"));
}

TEST_CASE(
    "network exchange: a connection that is half closed, and one that is reset, fail the tasks at both ends with a "
    "sentence") {
  for (const bool is_reset : {false, true}) {
    CAPTURE(is_reset);
    const auto seen = std::make_shared<Seen>();
    std::unique_ptr<BadWire> wire;
    auto settings = two_machines();
    settings.port_shown = [&](int machine, std::uint16_t port) {
      if (machine != 0) return port;
      if (wire == nullptr) wire = std::make_unique<BadWire>(port);
      wire->resets = is_reset;
      wire->closes_half = !is_reset;
      wire->cut_at = 300'000;
      return wire->port();
    };
    EngineCluster cluster(settings, hashed(0, seen));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    CHECK(cluster.wait_for_count(proto::FAILED, 2));
    CHECK(mentions(cluster.failures(), "ended before its data"));
    CHECK(mentions(cluster.failures(), "ended before it had taken all data"));
  }
}

TEST_CASE(
    "network exchange: a reader a thousand times slower than the writer holds it back, in flat memory, and gets "
    "everything") {
  const auto seen = std::make_shared<Seen>();
  auto settings = two_machines();
  settings.pool_bytes = 8u << 20;
  std::atomic<std::uint64_t> asked{0};
  // A batch that takes the source microseconds to make takes the sink a pause of two milliseconds.
  EngineCluster cluster(settings, hashed(400'000, seen, [&] { return asked++ % 2 == 0; }));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for(proto::FINISHED, std::chrono::seconds(60)));
  CHECK(asked > 400);
  CHECK(all_of(cluster.failures()) == "");
  CHECK(seen->by_key == plain_fold(2, 400'000));
  for (int machine = 0; machine < 2; ++machine)
    CHECK(cluster.runtime(machine).pool_usage(0).peak <= cluster.runtime(machine).pool_usage(0).limit);
}

TEST_CASE("network exchange: a flipped byte is noticed and fails the consumer") {
  for (const std::uint64_t place : {std::uint64_t{400}, std::uint64_t{20'003}, std::uint64_t{300'007}}) {
    const auto seen = std::make_shared<Seen>();
    std::unique_ptr<BadWire> wire;
    auto settings = two_machines();
    settings.port_shown = [&](int machine, std::uint16_t port) {
      if (machine != 0) return port;
      if (wire == nullptr) wire = std::make_unique<BadWire>(port);
      wire->flip_at = place;
      return wire->port();
    };
    EngineCluster cluster(settings, hashed(0, seen));
    REQUIRE(cluster.start().ok());
    REQUIRE(cluster.deploy().ok());
    CHECK(cluster.wait_for_count(proto::FAILED, 2));
    CHECK(mentions(cluster.failures(), "data frame: "));
  }
}

TEST_CASE("network exchange: who does not know the secret gets nothing, and is told so") {
  const auto seen = std::make_shared<Seen>();
  auto settings = two_machines();
  settings.secret = [](int machine) { return std::string(32, static_cast<char>('a' + machine)); };
  EngineCluster cluster(settings, hashed(1000, seen));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for_count(proto::FAILED, 2));
  CHECK(mentions(cluster.failures(), "it does not know the job's secret"));
}

TEST_CASE("network exchange: a producer that never comes is given up with a sentence") {
  const auto seen = std::make_shared<Seen>();
  auto settings = two_machines();
  settings.connect_timeout_us = 150'000;
  settings.port_shown = [](int, std::uint16_t) {
    auto listener = listen_on_loopback();  // closed again: nobody listens there
    return listener.port;
  };
  EngineCluster cluster(settings, hashed(1000, seen));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for_count(proto::FAILED, 2));
  CHECK(mentions(cluster.failures(), "did not answer within 150 ms: cannot connect to 127.0.0.1:"));
}

TEST_CASE("network exchange: strangers on the data port disturb nobody and get no answer worth having") {
  const auto seen = std::make_shared<Seen>();
  std::atomic<bool> is_stopped{true};
  EngineCluster cluster(two_machines(), hashed(50'000, seen, [&] { return is_stopped.load(); }));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  const std::string hello = taskmanager::encode_data_hello({cluster.job(), 0});
  taskmanager::AuthStart start;
  start.task_manager_id = "stranger";
  const auto frame =
      [](taskmanager::FrameKind kind, std::uint32_t channel, std::string payload, std::uint64_t sequence) {
    taskmanager::FrameHeader header{.kind = kind,
                                    .channel = channel,
                                    .payload_bytes = static_cast<std::uint32_t>(payload.size()),
                                    .sequence = sequence};
    taskmanager::FrameChecksum checksum;
    checksum.begin(header);
    checksum.add(payload.data(), payload.size());
    header.checksum = checksum.result();
    std::string bytes(taskmanager::kFrameHeaderBytes, '\0');
    taskmanager::encode_header(header, reinterpret_cast<std::uint8_t*>(bytes.data()));
    return bytes + payload;
  };
  const std::vector<std::string> attacks = {
      std::string(5000, 'x'),                                                  // garbage
      frame(taskmanager::FrameKind::credit, 1, std::string(4, '\1'), 0),       // no proof at all
      frame(taskmanager::FrameKind::auth_proof, 0, std::string(32, '\0'), 0),  // proof out of turn
      frame(taskmanager::FrameKind::auth_start, 0, encode(start), 0) +
          frame(taskmanager::FrameKind::auth_proof, 0, std::string(32, '\0'), 1),
      frame(taskmanager::FrameKind::auth_start, 0, encode(start), 7),                // wrong sequence
      frame(taskmanager::FrameKind::auth_start, 0, encode(start), 0).substr(0, 40),  // truncated, then closed
      frame(taskmanager::FrameKind::block, 1, std::string(100, '\0'), 0),
  };
  for (const auto& attack : attacks) {
    const UniqueFd socket = dial_loopback(cluster.port(0));
    REQUIRE(socket.valid());
    const std::string all = hello + attack;
    CHECK(::send(socket.get(), all.data(), all.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(all.size()));
    if (attack.size() == 40) ::shutdown(socket.get(), SHUT_WR);
    timeval limit{5, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::size_t answer = 0;
    char bytes[256];
    ssize_t got = 0;
    while ((got = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0) answer += static_cast<std::size_t>(got);
    CHECK((got == 0 || errno == ECONNRESET));
    CHECK(answer <= 96);  // a challenge at most
  }
  is_stopped = false;
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(all_of(cluster.failures()) == "");
  CHECK(seen->by_key == plain_fold(2, 50'000));
}

TEST_CASE("network exchange: cancelling one end leaves the other waiting, not failed") {
  const auto seen = std::make_shared<Seen>();
  EngineCluster cluster(two_machines(), hashed(0, seen));
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  REQUIRE(cluster.wait_for(proto::RUNNING));
  cluster.cancel();
  CHECK(cluster.wait_for(proto::CANCELED));
  CHECK(all_of(cluster.failures()) == "");
}

TEST_CASE("network exchange: user code that holds its slot up costs no channel its deadline") {
  /// Opens slowly: its slot answers nobody meanwhile.
  struct Slow final : Operator {
    Result<void> open(OperatorContext& context) override {
      if (context.subtask_index() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1600));
      return {};
    }
    void process(std::uint32_t, Batch& batch, Output& output) override { output.emit(batch); }
  };
  const auto seen = std::make_shared<Seen>();
  auto settings = two_machines();
  settings.connect_timeout_us = 500'000;
  EngineCluster cluster(settings, [&] {
    RowGraph graph;
    const auto source = graph.source(2, [] { return std::make_unique<RowSource>(10'000, 1000, numbered); });
    const auto slow = graph.transform(2, source, PartitionerKind::hash, [] { return std::make_unique<Slow>(); });
    graph.sink(2, {slow}, PartitionerKind::rebalance,
               [&] { return std::make_unique<FoldSink>(seen, std::function<bool()>(), false); });
    return graph.graph();
  });
  REQUIRE(cluster.start().ok());
  REQUIRE(cluster.deploy().ok());
  CHECK(cluster.wait_for(proto::FINISHED));
  CHECK(all_of(cluster.failures()) == "");
  CHECK(seen->by_key == plain_fold(2, 10'000));
}

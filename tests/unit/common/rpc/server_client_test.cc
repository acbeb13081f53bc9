#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>

#include "common/rpc/client.h"
#include "common/rpc/dial.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/handshake.h"
#include "common/rpc/server.h"
#include "common/rpc/typed_call.h"
#include "proto/rpc.pb.h"
#include "tests/unit/common/rpc/loopback.h"

namespace weir::rpc {
namespace {

using namespace std::chrono_literals;
using testing::run_coroutine;

const MethodTable kNothing;

/// A server on loopback that notes who comes and goes.
class TestServer {
 public:
  explicit TestServer(const Node& node) : verbs(node.executor) {
    ServerEvents events;
    events.connected = [this](Connection& connection) { came.push_back(connection.peer().name); };
    events.lost = [this](Connection& connection, const Error& reason) {
      went.push_back(connection.peer().name + ": " + reason.message);
    };
    server = std::make_unique<Server>(node, verbs.table, std::move(events));
  }
  void start() { server->start(listen_on_loopback()); }

  TestVerbs verbs;
  std::vector<std::string> came;
  std::vector<std::string> went;
  std::unique_ptr<Server> server;
};

/// A client that notes its events as words.
class TestClient {
 public:
  TestClient(const Node& node, Address address) : verbs(node.executor) {
    ClientEvents events;
    events.connected = [this](const Identity& peer) { notes.push_back("connected " + peer.name); };
    events.kept = [this](const Identity& peer) { notes.push_back("kept " + peer.name); };
    events.lost = [this](const Identity& peer, const Error& reason) {
      notes.push_back("lost " + peer.name);
      last_reason = reason;
    };
    events.dial_failed = [this](const Error& reason, std::uint64_t failures) {
      last_reason = reason;
      failures_in_a_row = failures;
    };
    client = std::make_unique<Client>(node, std::move(address), verbs.table, std::move(events));
  }

  TestVerbs verbs;
  std::vector<std::string> notes;
  Error last_reason;
  std::uint64_t failures_in_a_row = 0;
  std::unique_ptr<Client> client;
};

Address loopback(std::uint16_t port) { return Address{"127.0.0.1", port}; }

/// A port of loopback on which nobody listens.
std::uint16_t free_port() { return listen_on_loopback().port; }

UniqueFd connect_plain(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{20, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

TEST_CASE("rpc: a client and a server find each other and call both ways") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestServer server(node(control, identity("jobmanager", Role::job_manager), Limits()));
    server.start();
    TestClient client(node(control, identity("tm_1"), Limits()), loopback(server.server->port()));
    client.client->start();
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    const auto answer = co_await client.client->call(TestMethod::echo, "hello", in_time(), 1);
    CHECK(answer.value_or("") == "hello");
    CHECK(server.verbs.last_peer == "tm_1");
    CHECK(client.notes == std::vector<std::string>{"connected jobmanager"});
    CHECK(server.came == std::vector<std::string>{"tm_1"});
    CHECK(server.server->connections() == 1);
    co_await client.client->close();
    auto gone = [&server] { return server.went.size() == 1 && server.server->connections() == 0; };
    CHECK(co_await eventually(gone));
    CHECK(client.notes.size() == 1);  // closing is no loss
    co_await server.server->close();
  });
}

TEST_CASE("rpc: without a server calls fail at once, the client goes on dialling and finds it when it comes") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    const auto port = free_port();
    TestClient client(node(control, identity("tm_1"), Limits()), loopback(port));
    client.client->start();
    const auto refused = co_await client.client->call(TestMethod::echo, "", in_time(), 1);
    CHECK(refused.error().code == ErrorCode::unavailable);
    const auto waited = co_await client.client->wait_connected(in_ms(60));
    CHECK(waited.error().code == ErrorCode::deadline_exceeded);
    CHECK(waited.error().message.find("Connection refused") != std::string::npos);
    auto failed_often = [&client] { return client.failures_in_a_row >= 2; };
    CHECK(co_await eventually(failed_often));

    TestServer server(node(control, identity("jobmanager", Role::job_manager), Limits()));
    server.server->start(listen_on_loopback(port));
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    CHECK(client.notes == std::vector<std::string>{"connected jobmanager"});
    co_await client.client->close();
    co_await server.server->close();
  });
}

TEST_CASE("rpc: a cut connection to the same incarnation is dialled back at once and kept") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestServer server(node(control, identity("jobmanager", Role::job_manager), Limits()));
    server.start();
    TestClient client(node(control, identity("tm_1"), Limits()), loopback(server.server->port()));
    client.client->start();
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    client.client->drop_connection("cut by the test");
    CHECK_FALSE(client.client->is_connected());
    auto kept = [&client] { return client.notes.size() == 2; };
    CHECK(co_await eventually(kept));
    CHECK(client.notes.back() == "kept jobmanager");
    const auto answer = co_await client.client->call(TestMethod::echo, "again", in_time(), 1);
    CHECK(answer.value_or("") == "again");
    co_await client.client->close();
    co_await server.server->close();
  });
}

TEST_CASE("rpc: a server that is gone is lost as soon as its address refuses") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    limits.keep_time = 60s;  // not what ends the wait
    TestServer server(node(control, identity("jobmanager", Role::job_manager), limits));
    server.start();
    TestClient client(node(control, identity("tm_1"), limits), loopback(server.server->port()));
    client.client->start();
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    co_await server.server->close();
    auto lost = [&client] { return client.notes.size() == 2; };
    CHECK(co_await eventually(lost));
    CHECK(client.notes.back() == "lost jobmanager");
    CHECK(client.last_reason.code == ErrorCode::unavailable);
    co_await client.client->close();
  });
}

TEST_CASE("rpc: a restarted server is lost, then connected: calls in flight failed, later ones work") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    auto first = std::make_unique<TestServer>(node(control, identity("first", Role::job_manager), limits));
    first->start();
    const auto port = first->server->port();
    TestClient client(node(control, identity("tm_1"), limits), loopback(port));
    client.client->start();
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    co_await first->server->close();
    first.reset();
    TestServer second(node(control, identity("second", Role::job_manager), limits));
    second.server->start(listen_on_loopback(port));
    auto back = [&client] { return !client.notes.empty() && client.notes.back() == "connected second"; };
    CHECK(co_await eventually(back));
    CHECK(client.notes == std::vector<std::string>{"connected first", "lost first", "connected second"});
    const auto answer = co_await client.client->call(TestMethod::echo, "anew", in_time(), 1);
    CHECK(answer.value_or("") == "anew");
    co_await client.client->close();
    co_await second.server->close();
  });
}

/// Takes one connection as a server would and shakes hands, once.
Async<Dialled> take_one(const ListenSocket& listener, const Node& self) {
  UniqueFd fd;
  auto accepted = [&] {
    fd.reset(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    return fd.valid();
  };
  CHECK(co_await eventually(accepted));
  Dialled taken;
  taken.stream = std::make_unique<FrameStream>(co_await asio::this_coro::executor, std::move(fd), kHandshakeBytesMax,
                                               Limits().silence_max);
  auto peer = co_await welcome(*taken.stream, self, in_time());
  if (!peer.ok()) co_return std::move(peer).error();
  taken.peer = std::move(peer).value();
  co_return taken;
}

TEST_CASE("rpc: a peer that is silent when dialled back is lost after the keep time, not before") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    limits.keep_time = 150ms;
    const auto listener = listen_on_loopback();
    TestClient client(node(control, identity("tm_1"), limits), loopback(listener.port));
    client.client->start();
    auto taken = co_await take_one(listener, node(control, identity("jobmanager", Role::job_manager), Limits()));
    CHECK(taken.ok());
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    const SteadyTime cut = std::chrono::steady_clock::now();
    taken.value().stream->end();
    // The kernel goes on taking connections for the listener, but nobody answers them.
    auto lost = [&client] { return client.notes.size() == 2; };
    CHECK(co_await eventually(lost));
    CHECK(client.notes.back() == "lost jobmanager");
    CHECK(client.last_reason.code == ErrorCode::deadline_exceeded);
    CHECK(std::chrono::steady_clock::now() - cut >= 150ms);
    co_await client.client->close();
  });
}

TEST_CASE("rpc: a peer that resets the dial back is lost at once") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    limits.keep_time = 60s;
    const auto listener = listen_on_loopback();
    TestClient client(node(control, identity("tm_1"), limits), loopback(listener.port));
    client.client->start();
    auto taken = co_await take_one(listener, node(control, identity("jobmanager", Role::job_manager), Limits()));
    CHECK(taken.ok());
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    taken.value().stream->end();
    UniqueFd fd;
    auto accepted = [&] {
      fd.reset(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
      return fd.valid();
    };
    CHECK(co_await eventually(accepted));
    const linger at_once{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd.reset(-1);
    auto lost = [&client] { return client.notes.size() == 2; };
    CHECK(co_await eventually(lost));
    CHECK(client.notes.back() == "lost jobmanager");
    co_await client.client->close();
  });
}

TEST_CASE("rpc: another incarnation that answers the dial back means the first is lost") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    limits.keep_time = 60s;
    const auto listener = listen_on_loopback();
    TestClient client(node(control, identity("tm_1"), limits), loopback(listener.port));
    client.client->start();
    auto first = co_await take_one(listener, node(control, identity("first", Role::job_manager), Limits()));
    CHECK(first.ok());
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    first.value().stream->end();
    auto second = co_await take_one(listener, node(control, identity("second", Role::job_manager), Limits()));
    CHECK(second.ok());
    auto both = [&client] { return client.notes.size() == 3; };
    CHECK(co_await eventually(both));
    CHECK(client.notes == std::vector<std::string>{"connected first", "lost first", "connected second"});
    co_await client.client->close();
  });
}

TEST_CASE("rpc: peers of two clusters refuse each other with a sentence") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    auto ours = identity("jobmanager", Role::job_manager);
    ours.cluster = ClusterId::from_hex("0000000000000000000000000000000a").value();
    auto theirs = identity("tm_1");
    theirs.cluster = ClusterId::from_hex("0000000000000000000000000000000b").value();
    TestServer server(node(control, ours, Limits()));
    server.start();
    TestClient client(node(control, theirs, Limits()), loopback(server.server->port()));
    client.client->start();
    auto refused = [&client] { return client.failures_in_a_row > 0; };
    CHECK(co_await eventually(refused));
    CHECK(client.last_reason.code == ErrorCode::failed_precondition);
    CHECK(client.last_reason.message.find("refused by the peer: another cluster: TaskManager tm_1 belongs to "
                                          "0000000000000000000000000000000b") != std::string::npos);
    CHECK(server.came.empty());
    co_await client.client->close();
    co_await server.server->close();
  });
}

// ---- handshakes that are none

Async<std::string> exchange(std::uint16_t port, std::string bytes) {
  auto fd = connect_plain(port);
  const auto sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  CHECK(sent == static_cast<ssize_t>(bytes.size()));
  FrameStream stream(co_await asio::this_coro::executor, std::move(fd), kHandshakeBytesMax, Limits().silence_max);
  auto frame = co_await stream.read();
  if (!frame.ok()) co_return std::move(frame).error();
  co_return frame.value().payload;
}

std::string frame_bytes(FrameKind kind, const std::string& payload) {
  FrameHeader header;
  header.kind = kind;
  const auto head = encode_frame_header(header, payload);
  return std::string(head.data(), head.size()) + payload;
}

std::string handshake_bytes(std::uint32_t version, std::uint32_t role, std::size_t incarnation_bytes,
                            std::size_t name_bytes) {
  proto::Handshake message;
  message.set_protocol_version(version);
  message.set_role(role);
  message.set_incarnation(std::string(incarnation_bytes, 'i'));
  message.set_name(std::string(name_bytes, 'n'));
  message.set_nonce(std::string(kNonceBytes, 'x'));
  return frame_bytes(FrameKind::handshake, message.SerializeAsString());
}

TEST_CASE("rpc: a handshake that does not fit is answered with the reason, and the server goes on") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestServer server(node(control, identity("jobmanager", Role::job_manager), Limits()));
    server.start();
    struct Case {
      std::string bytes;
      std::string words;
    };
    std::vector<Case> cases;
    cases.push_back(
        {handshake_bytes(1, 2, 16, 4), "another version of the RPC protocol: the peer speaks 1, this process 2"});
    cases.push_back({handshake_bytes(0, 2, 16, 4), "another version"});
    cases.push_back({handshake_bytes(2, 0, 16, 4), "unknown role"});
    cases.push_back({handshake_bytes(2, 99, 16, 4), "unknown role"});
    cases.push_back({handshake_bytes(2, 2, 15, 4), "incarnation"});
    cases.push_back({handshake_bytes(2, 2, 0, 4), "incarnation"});
    cases.push_back({handshake_bytes(2, 2, 16, 256), "longer than 255"});
    cases.push_back({frame_bytes(FrameKind::handshake, "\xff\xff"), "can't be read"});
    cases.push_back({frame_bytes(FrameKind::request, "call before handshake"), "the first frame is no handshake"});
    for (const auto& each : cases) {
      const auto answer = co_await exchange(server.server->port(), each.bytes);
      CAPTURE(each.words);
      CHECK(answer.ok());
      CHECK(answer.value_or("").find(each.words) != std::string::npos);
    }
    const std::string not_ours = "GET / HTTP/1.1\r\n\r\n";
    const auto silent = co_await exchange(server.server->port(), not_ours);
    CHECK(silent.error().code == ErrorCode::unavailable);
    const auto too_long = co_await exchange(server.server->port(), handshake_bytes(2, 2, 16, kHandshakeBytesMax));
    CHECK(too_long.error().code == ErrorCode::unavailable);
    CHECK(server.came.empty());
    const auto good = co_await exchange(server.server->port(), handshake_bytes(2, 2, 16, 4));
    CHECK(good.ok());
    co_await server.server->close();
  });
}

TEST_CASE("rpc: a peer that connects and says nothing is dropped after the handshake time-out") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    limits.handshake_timeout = 30ms;
    TestServer server(node(control, identity("jobmanager", Role::job_manager), limits));
    server.start();
    const auto answer = co_await exchange(server.server->port(), "WRPC");
    CHECK(answer.error().code == ErrorCode::unavailable);
    auto dropped = [&server] { return server.server->connections() == 0; };
    CHECK(co_await eventually(dropped));
    co_await server.server->close();
  });
}

TEST_CASE("rpc: more connections than the limit are turned away, and places become free again") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Limits limits;
    limits.connections_max = 1;
    TestServer server(node(control, identity("jobmanager", Role::job_manager), limits));
    server.start();
    TestClient first(node(control, identity("tm_1"), limits), loopback(server.server->port()));
    first.client->start();
    const auto connected = co_await first.client->wait_connected(in_time());
    CHECK(connected.ok());
    TestClient second(node(control, identity("tm_2"), limits), loopback(server.server->port()));
    second.client->start();
    auto turned_away = [&second] { return second.failures_in_a_row > 0; };
    CHECK(co_await eventually(turned_away));
    co_await first.client->close();
    const auto place = co_await second.client->wait_connected(in_time());
    CHECK(place.ok());
    co_await second.client->close();
    co_await server.server->close();
  });
}

TEST_CASE("rpc: closing a server ends its connections and cancels handlers that would run on") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestServer server(node(control, identity("jobmanager", Role::job_manager), Limits()));
    server.start();
    TestClient client(node(control, identity("tm_1"), Limits()), loopback(server.server->port()));
    client.client->start();
    const auto connected = co_await client.client->wait_connected(in_time());
    CHECK(connected.ok());
    std::vector<Result<std::string>> answers;
    TaskScope scope(control.executor(), "callers");
    auto call = [](Client& to, std::vector<Result<std::string>>& into) -> Async<void> {
      auto answer = co_await to.call(TestMethod::wait_and_change, "", in_time(), 1);
      into.push_back(std::move(answer));
    };
    scope.start("call", call(*client.client, answers));
    co_await server.verbs.waiting.wait();
    co_await server.server->close();
    CHECK(server.verbs.changes_ended == 1);
    CHECK(server.verbs.answered == 0);
    CHECK(server.went.size() == 1);
    co_await scope.wait_until_empty();
    CHECK(answers.at(0).error().code == ErrorCode::unavailable);
    co_await scope.close();
    co_await client.client->close();
  });
}

TEST_CASE("rpc: a host name is resolved, and one that can't be is said so") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    TestServer server(node(control, identity("jobmanager", Role::job_manager), Limits()));
    server.start();
    TestClient named(node(control, identity("tm_1"), Limits()), Address{"localhost", server.server->port()});
    named.client->start();
    const auto connected = co_await named.client->wait_connected(in_time());
    CHECK(connected.ok());
    TestClient lost(node(control, identity("tm_2"), Limits()), Address{"no.such.host.invalid", 1});
    lost.client->start();
    auto failed = [&lost] { return lost.failures_in_a_row > 0; };
    CHECK(co_await eventually(failed));
    CHECK(lost.last_reason.message.find("cannot resolve the host name \"no.such.host.invalid\"") != std::string::npos);
    co_await lost.client->close();
    co_await named.client->close();
    co_await server.server->close();
  });
}

TEST_CASE("rpc: messages are typed at both ends, and a payload that is none is refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    MethodTable table;
    const std::string greeting = "hello ";
    register_message_handler<proto::Handshake, proto::RpcError>(table, TestMethod::echo, "typed", kChanges,
                                                                [&greeting](CallContext, proto::Handshake request) {
      auto answer = [](std::string words) -> Async<proto::RpcError> {
        proto::RpcError reply;
        reply.set_message(words);
        co_return reply;
      };
      return answer(greeting + request.name());
    });
    ConnectedPair pair(control.executor(), kNothing, table, Limits());
    proto::Handshake request;
    request.set_name("weir");
    const auto reply = co_await call_message<proto::RpcError>(pair.left, TestMethod::echo, request, in_time(), 1);
    CHECK(reply.ok());
    CHECK(reply.value().message() == "hello weir");
    const auto garbage = co_await pair.left.call(TestMethod::echo, "\xff\xff\xff", in_time(), 1);
    CHECK(garbage.error().code == ErrorCode::corrupt);
    CHECK(garbage.error().message.find("weir.proto.Handshake") != std::string::npos);
    co_await pair.scope.close();
  });
}

TEST_CASE("address: IPv6 numbers stand in brackets") {
  CHECK(Address{"jobmanager", 6123}.to_string() == "jobmanager:6123");
  CHECK(Address{"::1", 6123}.to_string() == "[::1]:6123");
}

}  // namespace
}  // namespace weir::rpc

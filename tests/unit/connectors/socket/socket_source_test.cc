#include "weir/connectors/socket.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/connectors/read_all.h"

using namespace weir;
using namespace weir::connectors;
using namespace std::chrono_literals;
using weir::test::Reader;

namespace {

using Lines = std::vector<std::string>;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// A server of one connection at a time, on a port of its own.
class Server {
 public:
  Server() : Server(0) {}
  explicit Server(int port) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    REQUIRE(::listen(listener_, 4) == 0);
  }
  ~Server() {
    hang_up();
    ::close(listener_);
  }
  int port() const { return port_; }
  void take_connection() {
    pollfd in{.fd = listener_, .events = POLLIN, .revents = 0};
    REQUIRE_MESSAGE(::poll(&in, 1, 5000) == 1, "no connection came");
    connection_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(connection_ >= 0);
  }
  void send(const std::string& text) {
    REQUIRE(::send(connection_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(connection_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    hang_up();
  }

 private:
  int listener_;
  int connection_ = -1;
  int port_ = 0;
};

SocketSource<std::string> text_from(const Server& server) { return {"127.0.0.1", server.port(), raw_format()}; }

/// Steps the reader in real time until it has ended or `until` is true; five seconds at most.
template <class T, class Until>
Progress run(Reader<T>& reader, Lines& lines, Until&& until) {
  Progress progress = Progress::more();
  for (const std::int64_t deadline = now_ms() + 5000; now_ms() < deadline;) {
    reader.context.clock_ms = now_ms();
    progress = reader.poll_once();
    for (std::string& line : reader.take()) lines.push_back(std::move(line));
    if (progress.kind == Progress::Kind::finished || until()) return progress;
    if (progress.kind != Progress::Kind::blocked) continue;
    REQUIRE((progress.wake_fd >= 0 || progress.wake_at_ms != Progress::kNever));
    pollfd in{.fd = progress.wake_fd, .events = POLLIN, .revents = 0};
    ::poll(&in, progress.wake_fd >= 0 ? 1 : 0,
           static_cast<int>(std::clamp<std::int64_t>(progress.wake_at_ms - now_ms(), 0, 50)));
  }
  FAIL("the reader was not done in five seconds");
  return progress;
}

bool is_connected(const Reader<std::string>& reader) {
  return !reader.context.lines.empty() && reader.context.lines.back().starts_with("connected to");
}

/// Everything that a server sends in these pieces before it ends the connection.
Lines sent(const SocketSource<std::string>& source, Server& server, const std::vector<std::string>& pieces) {
  Reader<std::string> reader(source);
  Lines lines;
  run(reader, lines, [&] { return is_connected(reader); });
  server.take_connection();
  for (const std::string& piece : pieces) {
    server.send(piece);
    run(reader, lines, [polls = 0]() mutable { return ++polls > 2; });
  }
  server.hang_up();
  CHECK(run(reader, lines, [] { return false; }).kind == Progress::Kind::finished);
  CHECK(reader.error == "");
  return lines;
}

}  // namespace

TEST_CASE("socket source: lines in pieces of any size, half a line at the end included") {
  Server server;
  const auto source = text_from(server);
  CHECK(sent(source, server, {"one\ntwo\r\n\nth", "ree", "\n", "\n", "fo", "ur"}) ==
        Lines{"one", "two", "three", "four"});
  CHECK(sent(source, server, {}).empty());
  CHECK(sent(source, server, {"\n\n\r\n"}).empty());
  Lines expected;
  std::string text;
  for (int i = 0; i < 50'000; ++i) {
    expected.push_back("line " + std::to_string(i));
    text += expected.back() + "\n";
  }
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size(); at += 40'001) pieces.push_back(text.substr(at, 40'001));
  CHECK(sent(source, server, pieces) == expected);
}

TEST_CASE("socket source: a delimiter of several bytes is found across pieces") {
  Server server;
  auto source = text_from(server).delimiter("<>|");
  CHECK(sent(source, server, {"a<>|b<", ">", "|c<>d<>", "|\n<", ">"}) == Lines{"a", "b", "c<>d", "\n<>"});
}

TEST_CASE("socket source: a record that is too long is a bad one, told once, and the next is whole") {
  Server server;
  auto source = text_from(server).record_bytes_max(10).on_bad_record(OnBadRecord::dead_letter);
  Reader<std::string> reader(source);
  Lines lines;
  run(reader, lines, [&] { return is_connected(reader); });
  server.take_connection();
  for (int i = 0; i < 300; ++i) {
    server.send(std::string(1000, 'x'));
    if (i % 10 == 0) run(reader, lines, [] { return true; });
  }
  server.send("\n0123456789\n0123456789y\nafter\n" + std::string(5000, 'z'));
  server.hang_up();
  run(reader, lines, [] { return false; });
  CHECK(lines == Lines{"0123456789", "after"});
  REQUIRE(reader.output.bad.size() == 3);
  CHECK(reader.output.bad[0].bytes == "xxxxxxxxxx");
  CHECK(reader.output.bad[0].reason == "the record is longer than 10 bytes");
  CHECK(reader.output.bad[0].place == "127.0.0.1:" + std::to_string(server.port()) + " record 1");
  CHECK(reader.output.bad[1].bytes == "0123456789");
  CHECK(reader.output.bad[2].bytes == "zzzzzzzzzz");
}

TEST_CASE("socket source: without tries a server that is not there fails the task, and one that is not known as well") {
  int port = 0;
  {
    Server server;
    port = server.port();
  }
  Reader<std::string> refused(SocketSource<std::string>("127.0.0.1", port, raw_format()));
  Lines lines;
  run(refused, lines, [&] { return !refused.error.empty(); });
  CHECK(refused.error == "no server answers at 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  Reader<std::string> unknown(SocketSource<std::string>("no host has this name", 9999, raw_format()));
  run(unknown, lines, [&] { return !unknown.error.empty(); });
  CHECK(unknown.error.find("the host of no host has this name:9999 is not known: ") == 0);
}

TEST_CASE("socket source: a server that comes late is reached with tries, and one that never comes fails the task") {
  int port = 0;
  {
    Server server;
    port = server.port();
  }
  const auto source = SocketSource<std::string>("127.0.0.1", port, raw_format()).retry_delay(20ms).reconnect_tries(3);
  Lines lines;
  Reader<std::string> never(source);
  const std::int64_t began = now_ms();
  run(never, lines, [&] { return !never.error.empty(); });
  CHECK(never.error ==
        "tried 3 times more: no server answers at 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  CHECK(now_ms() - began >= 60);

  auto patient = source;
  Reader<std::string> late(patient.reconnect_tries(SocketSourceOptions::kEndless));
  CHECK_FALSE(patient.bounded());
  run(late, lines, [&] { return late.context.lines.size() >= 5; });
  Server server(port);
  run(late, lines, [&] { return is_connected(late); });
  server.take_connection();
  server.send("here\n");
  run(late, lines, [&] { return !lines.empty(); });
  CHECK(lines == Lines{"here"});
  CHECK(late.error == "");
}

TEST_CASE(
    "socket source: a connection that ends is dialled again, as often as there are tries without a byte in between") {
  Server server;
  Reader<std::string> reader(text_from(server).retry_delay(1ms).reconnect_tries(2));
  Lines lines;
  for (int i = 0; i < 6; ++i) {
    run(reader, lines, [&] { return is_connected(reader); });
    server.take_connection();
    server.send("a" + std::to_string(i) + "\nhalf");
    server.hang_up();
    run(reader, lines, [&] { return reader.context.lines.back().ends_with("has ended; dialling again"); });
  }
  CHECK(lines == Lines{"a0", "half", "a1", "half", "a2", "half", "a3", "half", "a4", "half", "a5", "half"});
  // One try is used up already.
  run(reader, lines, [&] { return is_connected(reader); });
  server.take_connection();
  server.hang_up();
  run(reader, lines, [&] { return reader.context.lines.back().ends_with("dialling again"); });
  run(reader, lines, [&] { return is_connected(reader); });
  server.take_connection();
  server.hang_up();
  CHECK(run(reader, lines, [] { return false; }).kind == Progress::Kind::finished);
  CHECK(reader.error == "");
  CHECK(lines.size() == 12);
}

TEST_CASE("socket source: a connection that breaks fails the task, and with tries it is dialled again") {
  Server server;
  for (const int tries : {0, 1}) {
    Reader<std::string> reader(text_from(server).retry_delay(1ms).reconnect_tries(tries));
    Lines lines;
    run(reader, lines, [&] { return is_connected(reader); });
    server.take_connection();
    server.send("before\n");
    run(reader, lines, [&] { return !lines.empty(); });
    server.reset();
    if (tries == 0) {
      run(reader, lines, [] { return false; });
      CHECK(reader.error ==
            "the connection to 127.0.0.1:" + std::to_string(server.port()) + " broke: Connection reset by peer");
      continue;
    }
    run(reader, lines, [&] { return reader.context.lines.back().ends_with("dialling again"); });
    run(reader, lines, [&] { return is_connected(reader); });
    server.take_connection();
    server.send("after\n");
    server.hang_up();
    run(reader, lines, [&] { return lines.size() == 2; });
    CHECK(lines == Lines{"before", "after"});
    CHECK(reader.error == "");
  }
}

TEST_CASE("socket source: one subtask reads, the others end at once") {
  Server server;
  weir::test::FakeOperatorContext context(1, 2);
  weir::test::RowOutput<std::string> output([](const std::string&) {});
  const auto reader = text_from(server).make_reader();
  REQUIRE(reader->open(context).ok());
  CHECK(reader->poll(output)->kind == Progress::Kind::finished);
  reader->close();
}

TEST_CASE("socket source: a rate is held, and is not shared with subtasks that do not read") {
  Server server;
  Reader<std::string> reader(text_from(server).max_rate(100));
  Lines lines;
  run(reader, lines, [&] { return is_connected(reader); });
  server.take_connection();
  std::string text;
  // One second's worth is there at once: the clock has jumped since the reader was opened.
  for (int i = 0; i < 130; ++i) text += "x\n";
  server.send(text);
  server.hang_up();
  const std::int64_t began = now_ms();
  run(reader, lines, [] { return false; });
  CHECK(lines.size() == 130);
  CHECK(now_ms() - began >= 200);
}

TEST_CASE("socket source: a reader that is closed while it dials or reads leaves nothing behind") {
  Server server;
  for (int i = 0; i < 3; ++i) {
    Reader<std::string> reader(text_from(server));
    if (i > 0) reader.poll_once();
    Lines lines;
    if (i > 1) run(reader, lines, [&] { return is_connected(reader); });
  }
}

TEST_CASE("socket source: what makes no sense is refused while the job is built") {
  const auto source = [](std::string host, int port) {
    return SocketSource<std::string>(std::move(host), port, raw_format());
  };
  CHECK_THROWS_WITH(source("", 1), doctest::Contains("Socket: :1: the host is missing"));
  for (const int port : {0, -1, 65536})
    CHECK_THROWS_WITH(source("a", port), doctest::Contains("is no port: it must be 1 to 65535"));
  CHECK_THROWS_WITH(source("a", 1).delimiter(""), doctest::Contains("the delimiter must have 1 to 256 bytes"));
  CHECK_THROWS_WITH(source("a", 1).delimiter(std::string(257, 'x')),
                    doctest::Contains("the delimiter must have 1 to 256 bytes"));
  CHECK_THROWS_WITH(source("a", 1).record_bytes_max(0), doctest::Contains("record_bytes_max"));
  CHECK_THROWS_WITH(source("a", 1).reconnect_tries(-2),
                    doctest::Contains("reconnect_tries must be 0 or more, or -1 for ever"));
  CHECK_THROWS_WITH(source("a", 1).retry_delay(-1ms), doctest::Contains("the retry delay"));
  CHECK_THROWS_WITH(source("a", 1).connect_timeout(0ms), doctest::Contains("the connect timeout"));
  CHECK_THROWS_WITH(source("a", 1).max_rate(0), doctest::Contains("the max-rate must be a positive number"));
  struct Two {
    int a = 0, b = 0;
  };
  CHECK_THROWS_WITH(SocketSource<Two>("a", 1, raw_format()), doctest::Contains("the raw format has no fields"));
}

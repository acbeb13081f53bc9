#include "common/rpc/fd_channel.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "common/async/task_scope.h"
#include "common/base/sockets.h"
#include "tests/support/run_coroutine.h"

namespace weir::rpc {
namespace {

using testing::let_others_run;
using testing::run_coroutine;

struct Ends {
  explicit Ends(asio::any_io_executor executor)
      : sockets(packet_socket_pair().value()),
        left(executor, std::move(sockets.first)),
        right(executor, std::move(sockets.second)) {}
  std::pair<UniqueFd, UniqueFd> sockets;
  FdChannel left;
  FdChannel right;
};

Async<void> receive_and_note(FdChannel& channel, std::vector<Result<FdChannel::Message>>& notes) {
  auto message = co_await channel.receive();
  notes.push_back(std::move(message));
}

Async<void> send_and_note(FdChannel& channel, std::vector<Result<void>>& notes) {
  while (true) {
    auto sent = co_await channel.send(std::string(FdChannel::kMessageBytesMax, 'x'), UniqueFd());
    notes.push_back(sent);
    if (!sent.ok()) co_return;
  }
}

TEST_CASE("fd_channel: a socket arrives with its message, works there, and is close-on-exec") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Ends ends(control.executor());
    auto pair = stream_socket_pair().value();
    const auto sent = co_await ends.left.send("job 7f3a slot 2", std::move(pair.first));
    CHECK(sent.ok());
    auto message = co_await ends.right.receive();
    CHECK(message.ok());
    CHECK(message.value().text == "job 7f3a slot 2");
    CHECK(::fcntl(message.value().fd.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::send(message.value().fd.get(), "hi", 2, 0) == 2);
    char text[3] = {};
    CHECK(::recv(pair.second.get(), text, 2, 0) == 2);
    CHECK(std::string(text) == "hi");
    message.value().fd.reset(-1);
    CHECK(::recv(pair.second.get(), text, 2, 0) == 0);  // the sender has kept no copy
  });
}

TEST_CASE("fd_channel: messages keep their borders and may come without a socket") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Ends ends(control.executor());
    const auto one = co_await ends.left.send("one", UniqueFd());
    const auto two = co_await ends.left.send(std::string(FdChannel::kMessageBytesMax, 'y'), UniqueFd());
    CHECK((one.ok() && two.ok()));
    const auto first = co_await ends.right.receive();
    CHECK(first.value().text == "one");
    CHECK_FALSE(first.value().fd.valid());
    const auto second = co_await ends.right.receive();
    CHECK(second.value().text.size() == FdChannel::kMessageBytesMax);
  });
}

TEST_CASE("fd_channel: empty and too long messages are not sent") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Ends ends(control.executor());
    const auto empty = co_await ends.left.send("", UniqueFd());
    CHECK(empty.error().code == ErrorCode::invalid_argument);
    const auto too_long = co_await ends.left.send(std::string(FdChannel::kMessageBytesMax + 1, 'x'), UniqueFd());
    CHECK(too_long.error().code == ErrorCode::invalid_argument);
  });
}

TEST_CASE("fd_channel: a message longer than allowed is refused and its socket closed") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    auto sockets = packet_socket_pair().value();
    FdChannel channel(control.executor(), std::move(sockets.first));
    const std::string too_long(FdChannel::kMessageBytesMax + 1, 'x');
    CHECK(::send(sockets.second.get(), too_long.data(), too_long.size(), 0) > 0);
    const auto refused = co_await channel.receive();
    CHECK(refused.error().code == ErrorCode::corrupt);
    CHECK(::send(sockets.second.get(), "next", 4, 0) == 4);
    const auto next = co_await channel.receive();
    CHECK(next.value().text == "next");
  });
}

TEST_CASE("fd_channel: more sockets than one are refused and all of them closed") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    auto sockets = packet_socket_pair().value();
    FdChannel channel(control.executor(), std::move(sockets.first));
    for (const int count : {2, 3, 20}) {
      auto pair = stream_socket_pair().value();
      std::vector<int> fds(static_cast<std::size_t>(count), pair.first.get());
      std::vector<char> space(CMSG_SPACE(sizeof(int) * fds.size()));
      char byte = 'x';
      iovec piece{&byte, 1};
      msghdr header{};
      header.msg_iov = &piece;
      header.msg_iovlen = 1;
      header.msg_control = space.data();
      header.msg_controllen = space.size();
      cmsghdr* part = CMSG_FIRSTHDR(&header);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      std::memcpy(CMSG_DATA(part), fds.data(), sizeof(int) * fds.size());
      CHECK(::sendmsg(sockets.second.get(), &header, 0) == 1);
      pair.first.reset(-1);
      const auto refused = co_await channel.receive();
      CHECK(refused.error().code == ErrorCode::corrupt);
      char text[1];
      CHECK(::recv(pair.second.get(), text, 1, MSG_DONTWAIT) == 0);  // closed everywhere
    }
  });
}

TEST_CASE("fd_channel: the peer's end and our own end wake who waits") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    std::vector<Result<FdChannel::Message>> notes;
    TaskScope scope(control.executor(), "receivers");
    auto sockets = packet_socket_pair().value();
    FdChannel first(control.executor(), std::move(sockets.first));
    scope.start("receive", receive_and_note(first, notes));
    co_await let_others_run();
    sockets.second.reset(-1);
    co_await scope.wait_until_empty();
    CHECK(notes.at(0).error().code == ErrorCode::unavailable);
    const auto sent = co_await first.send("to nobody", UniqueFd());
    CHECK(sent.error().code == ErrorCode::unavailable);

    Ends ends(control.executor());
    scope.start("receive", receive_and_note(ends.left, notes));
    co_await let_others_run();
    ends.left.end();
    co_await scope.wait_until_empty();
    CHECK(notes.at(1).error().code == ErrorCode::unavailable);
    co_await scope.close();
  });
}

TEST_CASE("fd_channel: a sender waits while the peer's queue is full and goes on when it is read") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Ends ends(control.executor());
    std::vector<Result<void>> sent;
    TaskScope scope(control.executor(), "senders");
    scope.start("send", send_and_note(ends.left, sent));
    std::size_t before = 0;
    do {
      before = sent.size();
      co_await let_others_run();
    } while (sent.size() != before);
    CHECK(before > 0);
    for (std::size_t count = 0; count < before + 5; ++count) {
      const auto message = co_await ends.right.receive();
      CHECK(message.ok());
    }
    CHECK(sent.size() >= before + 5);
    co_await scope.close();
  });
}

}  // namespace
}  // namespace weir::rpc

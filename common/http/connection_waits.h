// What a connection waits with: a time limit for its socket, and a place where an answer from another thread meets it.
// For .cc files of this folder.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace weir::http {

/// Lives on: the connection's thread. Cancels what a socket waits for when the time is up; the socket stays open, so
/// that the client can be told.
class Deadline {
 public:
  explicit Deadline(boost::asio::ip::tcp::socket& socket)
      : timer_(socket.get_executor()), watch_(std::make_shared<Watch>()) {
    watch_->socket = &socket;
  }
  ~Deadline() { watch_->socket = nullptr; }

  void set(std::chrono::milliseconds delay) {
    watch_->passed = false;
    std::uint64_t turn = ++watch_->turn;
    timer_.expires_after(delay);
    timer_.async_wait([watch = watch_, turn](const boost::system::error_code& error) {
      if (error || watch->socket == nullptr || watch->turn != turn) return;
      watch->passed = true;
      boost::system::error_code ignored;
      watch->socket->cancel(ignored);
    });
  }
  void clear() {
    ++watch_->turn;
    timer_.cancel();
  }
  bool passed() const { return watch_->passed; }

 private:
  // Outlives the connection where the timer has fired but its handler has not run.
  struct Watch {
    boost::asio::ip::tcp::socket* socket = nullptr;
    std::uint64_t turn = 0;
    bool passed = false;
  };
  boost::asio::steady_timer timer_;
  std::shared_ptr<Watch> watch_;
};

/// Where a value from somewhere else meets the connection that waits for it. On the connection's thread, but for
/// `context`, which is set once.
template <class T>
struct Meeting {
  std::weak_ptr<boost::asio::io_context> context;  // weak: a value that comes after the server's end is dropped
  std::optional<T> value;
  boost::asio::steady_timer* waiting = nullptr;
};

template <class T>
void deliver(const std::shared_ptr<Meeting<T>>& meeting, T value) {
  std::shared_ptr<boost::asio::io_context> context = meeting->context.lock();
  if (!context) return;
  boost::asio::post(*context, [meeting, value = std::move(value)]() mutable {
    meeting->value = std::move(value);
    if (meeting->waiting != nullptr) meeting->waiting->cancel();
  });
}

}  // namespace weir::http

#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "common/async/executor.h"
#include "common/http/message.h"
#include "common/http/server_options.h"

namespace weir::http {

/// One client's connection: reads requests one after the other, hands them to the handler, sends the answers in order.
/// Lives on: the one thread of its io_context. Owned by the coroutine that runs it.
/// Promises that every wait has a deadline and that a request is read only after the one before it was answered.
class HttpConnection {
 public:
  /// @param context  the one that the socket belongs to
  /// @param files    where uploads are written and files are read: their directories may be slow
  HttpConnection(std::shared_ptr<boost::asio::io_context> context, boost::asio::ip::tcp::socket socket,
                 const ServerOptions& options, Handler& handler, BlockingPool& files);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;

  /// Serves until the client or the server closes. Throws nothing.
  boost::asio::awaitable<void> run();
  /// Answers 503 to whatever the client wants, and closes.
  boost::asio::awaitable<void> turn_away();

  /// Closes now if no request is being served, else after its answer.
  void close_when_idle();
  /// A request whose answer is not there yet gets 503 in its place; everything else as close_when_idle().
  void end_waiting();
  /// Closes now.
  void abort();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::http

#include "common/http/http_server.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <set>
#include <thread>

#include "common/async/executor.h"
#include "common/base/ensure.h"
#include "common/base/sockets.h"
#include "common/base/try.h"
#include "common/http/http_connection.h"

namespace weir::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kTurnedAwayMax =
    64;  // connections over the limit that are told so at one time; more are just closed
constexpr std::chrono::milliseconds kLastWords{200};  // in which a client whose request is cut short is told so
constexpr std::size_t kFileThreads = 2;
constexpr std::chrono::milliseconds kAcceptPause{100};  // after an error such as too many open files

/// One thread with its connections.
struct Loop {
  void end_requests();

  std::shared_ptr<asio::io_context> context = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(*context);
  asio::steady_timer grace{*context};
  std::set<HttpConnection*> connections;  // this loop's thread only
  bool stopping = false;                  // this loop's thread only
  std::thread thread;
};

/// The grace is over: who still waits is answered.
void Loop::end_requests() {
  for (HttpConnection* connection : connections) connection->end_waiting();
  grace.expires_after(connections.empty() ? std::chrono::milliseconds(0) : kLastWords);
  grace.async_wait([this](const error_code&) {
    for (HttpConnection* connection : connections) connection->abort();
    work.reset();
  });
}

}  // namespace

struct HttpServer::State {
  State(ServerOptions its_options, Handler& its_handler) : options(std::move(its_options)), handler(its_handler) {}

  Result<void> bind();
  void start_threads();
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(std::size_t loop_index, tcp::socket socket, bool turned_away);

  // Set once
  ServerOptions options;
  Handler& handler;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Loop>> loops;
  std::optional<tcp::acceptor> acceptor;  // on the first loop
  BlockingPool files{kFileThreads};       // after the loops: it goes first
  // Any thread
  std::atomic<std::size_t> served{0};
  std::atomic<std::size_t> turned_away{0};
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() { stop(std::chrono::milliseconds(0)); }

std::uint16_t HttpServer::port() const { return state_->port; }

Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options, Handler& handler) {
  ENSURE(options.threads > 0 && !options.ports.empty(), "threads {} ports {}", options.threads, options.ports.size());
  auto state = std::make_unique<State>(std::move(options), handler);
  for (int i = 0; i < state->options.threads; ++i) state->loops.push_back(std::make_unique<Loop>());
  TRY_VOID(state->bind());
  state->start_threads();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

Result<void> HttpServer::State::bind() {
  TRY(ListenSocket listening, listen_on(options.bind_host, options.ports, options.ports_option));
  port = listening.port;
  bool is_ipv6 = listening.address.find(':') != std::string::npos;
  acceptor.emplace(*loops.front()->context);
  error_code error;
  acceptor->assign(is_ipv6 ? tcp::v6() : tcp::v4(), listening.fd.get(), error);
  if (error) return Error::external(ErrorCode::io, fmt::format("cannot use the listening socket: {}", error.message()));
  (void)listening.fd.release();  // the acceptor closes it from here on
  return {};
}

void HttpServer::State::start_threads() {
  asio::co_spawn(*loops.front()->context, accept(), asio::detached);
  for (auto& loop : loops) {
    loop->thread = std::thread([context = loop->context] { context->run(); });
  }
}

asio::awaitable<void> HttpServer::State::accept() {
  std::size_t turn = 0;
  asio::steady_timer pause(*loops.front()->context);
  while (acceptor->is_open()) {
    std::size_t index = turn++ % loops.size();
    asio::io_context& context = *loops[index]->context;
    auto [error, socket] = co_await acceptor->async_accept(context, kAsTuple);
    if (error == asio::error::operation_aborted || !acceptor->is_open()) break;
    if (error) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAsTuple);
      continue;
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);  // no child process may hold a client's connection open
    bool full = served.load() >= options.connections_max;
    std::atomic<std::size_t>& counter = full ? turned_away : served;
    if (full && turned_away.load() >= kTurnedAwayMax) continue;  // closed as `socket` goes
    counter.fetch_add(1);
    asio::co_spawn(context, serve(index, std::move(socket), full), asio::detached);
  }
}

asio::awaitable<void> HttpServer::State::serve(std::size_t loop_index, tcp::socket socket, bool full) {
  Loop& loop = *loops[loop_index];
  HttpConnection connection(loop.context, std::move(socket), options, handler, files);
  loop.connections.insert(&connection);
  if (loop.stopping) connection.close_when_idle();
  if (full) {
    co_await connection.turn_away();
  } else {
    co_await connection.run();
  }
  loop.connections.erase(&connection);
  (full ? turned_away : served).fetch_sub(1);
  if (loop.stopping && loop.connections.empty()) loop.grace.cancel();
}

void HttpServer::stop(std::chrono::milliseconds grace) {
  for (std::size_t i = 0; i < state_->loops.size(); ++i) {
    Loop& loop = *state_->loops[i];
    if (!loop.thread.joinable()) continue;
    asio::post(*loop.context, [this, &loop, first = i == 0, grace] {
      loop.stopping = true;
      error_code ignored;
      if (first) state_->acceptor->close(ignored);
      for (HttpConnection* connection : loop.connections) connection->close_when_idle();
      loop.grace.expires_after(loop.connections.empty() ? std::chrono::milliseconds(0) : grace);
      loop.grace.async_wait([&loop](const error_code&) { loop.end_requests(); });
    });
  }
  for (auto& loop : state_->loops) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

}  // namespace weir::http

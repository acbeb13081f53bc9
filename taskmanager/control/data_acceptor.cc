#include "taskmanager/control/data_acceptor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/async/deadline.h"
#include "common/base/try.h"
#include "common/observe/log.h"
#include "taskmanager/exchange/data_hello.h"
#include "taskmanager/jobs/watched_descriptor.h"

namespace weir::taskmanager {
namespace {

using asio::ip::tcp;

constexpr std::size_t kLoggedPeersMax = 1024;
constexpr std::chrono::milliseconds kPauseAfterFailure{100};  // out of descriptors: they come back by themselves

}  // namespace

DataAcceptor::DataAcceptor(asio::any_io_executor executor, Clock& clock, WorkerTable& workers, const SlotTable& slots,
                           const DataAcceptorLimits& limits)
    : executor_(executor),
      clock_(clock),
      workers_(workers),
      slots_(slots),
      limits_(limits),
      scope_(executor, "data port") {}

DataAcceptor::~DataAcceptor() = default;

void DataAcceptor::start(ListenSocket listener) {
  port_ = listener.port;
  scope_.start("accept", accept_all(std::move(listener)));
}

Async<void> DataAcceptor::close() { co_await scope_.close(); }

Async<void> DataAcceptor::accept_all(ListenSocket listener) {
  const bool is_v6 = listener.address.find(':') != std::string::npos;
  tcp::acceptor acceptor(executor_, is_v6 ? tcp::v6() : tcp::v4(), listener.fd.release());
  for (;;) {
    boost::system::error_code error;
    tcp::endpoint from;
    tcp::socket socket = co_await acceptor.async_accept(from, asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      if (error != asio::error::operation_aborted)
        LOG_WARN("the data port cannot accept a connection: {}", error.message());
      co_await clock_.sleep_for(kPauseAfterFailure);
      continue;
    }
    const std::string peer = from.address().to_string();
    boost::system::error_code ignored;
    UniqueFd owned(socket.release(ignored));
    ::fcntl(owned.get(), F_SETFD, FD_CLOEXEC);
    if (const std::string why = no_place_for(peer); !why.empty()) {
      refuse(peer, why);
      continue;
    }
    scope_.start("hello", serve(std::move(owned), peer));
  }
}

/// Counts a connection while it waits.
class DataAcceptor::Waiting {
 public:
  Waiting(DataAcceptor& acceptor, const std::string& peer)
      : acceptor_(acceptor), address_(acceptor.waiting_by_address_.try_emplace(peer).first) {
    ++acceptor_.waiting_;
    ++address_->second;
  }
  ~Waiting() {
    --acceptor_.waiting_;
    if (--address_->second == 0) acceptor_.waiting_by_address_.erase(address_);
  }
  Waiting(const Waiting&) = delete;

 private:
  DataAcceptor& acceptor_;
  const std::map<std::string, std::size_t>::iterator address_;
};

std::string DataAcceptor::no_place_for(const std::string& peer) const {
  if (waiting_ >= limits_.waiting_max) return fmt::format("{} connections wait already", waiting_);
  const auto found = waiting_by_address_.find(peer);
  if (found == waiting_by_address_.end() || found->second < limits_.waiting_per_address_max) return {};
  return fmt::format("{} connections from there wait already", found->second);
}

Async<void> DataAcceptor::serve(UniqueFd socket, std::string peer) {
  const Waiting waiting(*this, peer);
  const auto result = co_await hand_over(std::move(socket));
  if (!result.ok()) refuse(peer, result.error().message);
}

Async<Result<void>> DataAcceptor::hand_over(UniqueFd socket) {
  const SteadyTime hello_deadline = clock_.now() + limits_.hello_timeout;
  auto reading = with_deadline<std::string>(clock_, hello_deadline, "its hello", read_hello(socket.get()));
  CO_TRY(std::string bytes, co_await std::move(reading));
  CO_TRY(const DataHello hello, decode_data_hello(bytes));
  const SteadyTime worker_deadline = clock_.now() + limits_.worker_timeout;
  CO_TRY_VOID(co_await workers_.wait_for(hello.job, worker_deadline));
  auto giving =
      with_deadline<void>(clock_, worker_deadline, "its worker", give(hello, std::move(bytes), std::move(socket)));
  co_return co_await std::move(giving);
}

Async<Result<void>> DataAcceptor::give(DataHello hello, std::string bytes, UniqueFd socket) {
  WorkerHandle* worker = workers_.find(hello.job);
  if (worker == nullptr)
    co_return Error::external(ErrorCode::not_found, fmt::format("the job has ended: {}", hello.job));
  if (hello.slot >= slots_.size() || slots_.owner_of(hello.slot) != hello.job) {
    co_return Error::external(ErrorCode::not_found,
                              fmt::format("the job has no such slot here: job {}, slot {}", hello.job, hello.slot));
  }
  auto giving = worker->give_connection(std::move(bytes), std::move(socket));
  co_return co_await std::move(giving);
}

// Exactly the hello: what follows belongs to the worker and stays in the socket.
Async<std::string> DataAcceptor::read_hello(int socket) {
  CO_TRY(auto watched, watch_duplicate(executor_, socket));
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  std::string bytes(kDataHelloBytes, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t size = ::recv(socket, bytes.data() + have, bytes.size() - have, MSG_DONTWAIT);
    if (size > 0) {
      have += static_cast<std::size_t>(size);
    } else if (size == 0) {
      co_return Error::external(ErrorCode::unavailable, fmt::format("closed after {} bytes", have));
    } else if (errno == EAGAIN || errno == EINTR) {
      boost::system::error_code ignored;
      co_await watched.async_wait(asio::posix::stream_descriptor::wait_read,
                                  asio::redirect_error(asio::use_awaitable, ignored));
    } else {
      co_return Error::external(ErrorCode::unavailable, std::strerror(errno));
    }
  }
  co_return bytes;
}

void DataAcceptor::refuse(const std::string& peer, const std::string& why) {
  ++refused_;
  if (logged_peers_.size() >= kLoggedPeersMax || !logged_peers_.insert(peer).second) return;
  LOG_WARN("a data connection from {} was closed: {} (said once per address)", peer, why);
}

}  // namespace weir::taskmanager

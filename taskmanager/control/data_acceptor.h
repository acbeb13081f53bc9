// The one data port: reads who is wanted, hands the socket to that job's worker.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "common/async/clock.h"
#include "common/async/task_scope.h"
#include "common/base/sockets.h"
#include "taskmanager/exchange/data_hello.h"
#include "taskmanager/jobs/slot_table.h"
#include "taskmanager/jobs/worker_table.h"

namespace weir::taskmanager {

/// Bounds of the data port.
struct DataAcceptorLimits {
  std::size_t waiting_max = 1024;             ///< connections whose hello or worker has not come; more are closed
  std::size_t waiting_per_address_max = 256;  ///< of them from one address: a single peer takes no other one's place
  std::chrono::milliseconds hello_timeout{5'000};    ///< from the accept to the whole hello
  std::chrono::milliseconds worker_timeout{30'000};  ///< from the hello to its job's worker
};

/// Lives on: the control thread. Owned by the daemon; `co_await close()` before destruction.
/// Anybody may dial: what is no hello, too late, too much or for nobody is closed, and logged once per address.
class DataAcceptor {
 public:
  DataAcceptor(asio::any_io_executor executor, Clock& clock, WorkerTable& workers, const SlotTable& slots,
               const DataAcceptorLimits& limits);
  ~DataAcceptor();

  void start(ListenSocket listener);
  Async<void> close();
  std::uint16_t port() const noexcept { return port_; }
  std::size_t waiting() const noexcept { return waiting_; }
  std::size_t refused() const noexcept { return refused_; }

 private:
  Async<void> accept_all(ListenSocket listener);
  class Waiting;
  /// Why one more connection of this address cannot wait; empty when it can.
  std::string no_place_for(const std::string& peer) const;
  Async<void> serve(UniqueFd socket, std::string peer);
  Async<Result<void>> hand_over(UniqueFd socket);
  Async<Result<void>> give(DataHello hello, std::string bytes, UniqueFd socket);
  Async<std::string> read_hello(int socket);
  void refuse(const std::string& peer, const std::string& why);

  // Set once
  asio::any_io_executor executor_;
  Clock& clock_;
  WorkerTable& workers_;
  const SlotTable& slots_;
  const DataAcceptorLimits limits_;
  // Control thread only
  std::uint16_t port_ = 0;
  std::size_t waiting_ = 0;
  std::map<std::string, std::size_t> waiting_by_address_;
  std::size_t refused_ = 0;
  std::set<std::string> logged_peers_;
  TaskScope scope_;
};

}  // namespace weir::taskmanager

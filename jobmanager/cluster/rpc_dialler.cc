#include "jobmanager/cluster/rpc_dialler.h"

#include <fmt/format.h>

#include <utility>

#include "common/observe/log.h"
#include "common/rpc/client.h"

namespace weir::jobmanager {

namespace {

constexpr std::uint64_t kDialsPerLogLine = 50;

/// One client and the gateway over it.
class RpcLink final : public TaskManagerLink {
 public:
  RpcLink(asio::any_io_executor executor, const TaskManagerDescription& description, const rpc::Identity& self,
          const rpc::MethodTable& methods, const rpc::Limits& limits, const LeaderEpoch& epoch, LinkEvents events)
      : id_(description.id),
        incarnation_(description.incarnation),
        events_(std::move(events)),
        client_(executor, {description.host, description.rpc_port}, self, methods, limits, client_events()),
        gateway_(make_rpc_task_manager_gateway(client_, epoch)) {}

  void start() { client_.start(); }
  TaskManagerGateway& gateway() override { return *gateway_; }
  Async<void> close() override {
    closed_ = true;
    co_await client_.close();
  }

 private:
  rpc::ClientEvents client_events() {
    rpc::ClientEvents events;
    events.connected = [this](const rpc::Identity& peer) { on_connected(peer); };
    events.lost = [this](const rpc::Identity&, const Error& reason) {
      if (!closed_) events_.lost(reason.message);
    };
    events.dial_failed = [this](const Error& reason, std::uint64_t failures) {
      if (!closed_ && failures % kDialsPerLogLine == 1)
        LOG_WARN("cannot reach TaskManager {}, trying on: {}", id_, reason.message);
    };
    return events;
  }
  void on_connected(const rpc::Identity& peer) {
    if (closed_) return;
    if (peer.incarnation == incarnation_) return events_.connected();
    events_.lost(fmt::format("another process answers at its address: '{}'", peer.name));
  }

  const TaskManagerId id_;
  const Incarnation incarnation_;
  const LinkEvents events_;
  bool closed_ = false;
  rpc::Client client_;
  std::unique_ptr<TaskManagerGateway> gateway_;
};

}  // namespace

RpcDialler::RpcDialler(asio::any_io_executor executor, rpc::Identity self, rpc::Limits limits, const LeaderEpoch& epoch)
    : executor_(std::move(executor)), self_(std::move(self)), limits_(limits), epoch_(epoch) {}

std::shared_ptr<TaskManagerLink> RpcDialler::dial(const TaskManagerDescription& description, LinkEvents events) {
  auto link = std::make_shared<RpcLink>(executor_, description, self_, nothing_, limits_, epoch_, std::move(events));
  link->start();
  return link;
}

}  // namespace weir::jobmanager

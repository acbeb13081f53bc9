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
  RpcLink(const rpc::Node& node, const TaskManagerDescription& description, const rpc::MethodTable& methods,
          const LeaderEpoch& epoch, LinkEvents events,
          std::function<void(const rpc::Identity&, std::uint64_t)> later_epoch)
      : id_(description.id),
        incarnation_(description.incarnation),
        events_(std::move(events)),
        later_epoch_(std::move(later_epoch)),
        client_(node, {description.host, description.rpc_port}, methods, client_events()),
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
    events.later_epoch = later_epoch_;
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
  const std::function<void(const rpc::Identity&, std::uint64_t)> later_epoch_;
  bool closed_ = false;
  rpc::Client client_;
  std::unique_ptr<TaskManagerGateway> gateway_;
};

}  // namespace

RpcDialler::RpcDialler(const rpc::Node& node, const LeaderEpoch& epoch,
                       std::function<void(const rpc::Identity& peer, std::uint64_t epoch)> later_epoch)
    : node_(node), epoch_(epoch), later_epoch_(std::move(later_epoch)) {}

std::shared_ptr<TaskManagerLink> RpcDialler::dial(const TaskManagerDescription& description, LinkEvents events) {
  auto link = std::make_shared<RpcLink>(node_, description, nothing_, epoch_, std::move(events), later_epoch_);
  link->start();
  return link;
}

}  // namespace weir::jobmanager

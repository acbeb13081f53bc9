#include "tests/support/engine_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "api/loader/plan_builder.h"
#include "common/base/ensure.h"
#include "common/base/try.h"
#include "common/plan/chaining.h"
#include "common/plan/fingerprint.h"
#include "common/plan/plan_codec.h"
#include "taskmanager/exchange/data_hello.h"

namespace weir::test {

namespace {

constexpr const char* kArtefact = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

Result<plan::JobGraph> job_graph_of(const StreamGraph& graph, bool chaining) {
  proto::Plan message;
  TRY_VOID(build_plan(graph, message));
  TRY(plan::Plan plan, plan::decode_plan(message));
  plan.fingerprint = plan::fingerprint(plan, kArtefact);
  return plan::make_job_graph(plan, {.chaining = chaining});
}

}  // namespace

LoopbackListener listen_on_loopback() {
  LoopbackListener listener;
  listener.fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ENSURE(::bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  ENSURE(::listen(listener.fd.get(), 64) == 0, "listen");
  socklen_t size = sizeof address;
  ENSURE(::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  listener.port = ntohs(address.sin_port);
  return listener;
}

UniqueFd dial_loopback(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset(-1);
  return fd;
}

EngineCluster::EngineCluster(ClusterSettings settings, MakeGraph make_graph)
    : settings_(std::move(settings)), make_graph_(std::move(make_graph)) {
  for (int index = 0; index < settings_.task_managers; ++index) {
    auto member = std::make_unique<Member>();
    member->cluster = this;
    member->id = fmt::format("tm-{}", index);
    auto listener = listen_on_loopback();
    member->listener = std::move(listener.fd);
    member->port = listener.port;
    taskmanager::JobRuntimeSettings runtime;
    runtime.open_graph = [this](const proto::StartWorkerRequest&) -> Result<StreamGraph> { return make_graph_(); };
    runtime.connect_timeout_us = settings_.connect_timeout_us;
    runtime.starts_slots = !settings_.is_driven;
    member->runtime = std::make_unique<taskmanager::JobRuntime>(
        std::move(runtime), settings_.time != nullptr ? *settings_.time : clock_, *member);
    members_.push_back(std::move(member));
  }
}

EngineCluster::~EngineCluster() { stop(); }

std::string EngineCluster::secret(int task_manager) const {
  return settings_.secret ? settings_.secret(task_manager) : std::string(32, 's');
}

Result<void> EngineCluster::start() {
  TRY(job_graph_, job_graph_of(make_graph_(), settings_.chaining));
  for (std::size_t vertex = 0; vertex < job_graph_.vertices.size(); ++vertex)
    for (int subtask = 0; subtask < job_graph_.vertices[vertex].parallelism; ++subtask)
      executions_[{vertex, subtask}] = ExecutionId::random();
  for (std::size_t index = 0; index < members_.size(); ++index) {
    Member& member = *members_[index];
    proto::StartWorkerRequest request;
    request.set_job(job_.to_bytes());
    request.set_job_name("rows");
    request.mutable_artefact()->set_blob_key(kArtefact);
    for (const auto& [key, value] : settings_.configuration) (*request.mutable_configuration())[key] = value;
    request.set_secret(secret(static_cast<int>(index)));
    plan::encode_job_graph(job_graph_, *request.mutable_graph());
    request.set_slots(settings_.slots);
    request.set_block_pool_bytes(settings_.pool_bytes);
    request.set_task_manager_id(member.id);
    request.set_record_bytes_max(settings_.record_bytes_max);
    request.set_spin_us(settings_.spin_us);
    TRY_VOID(member.runtime->start(request));
    if (!settings_.is_driven) member.accepting = std::thread([&member] { member.accept(); });
  }
  return {};
}

void EngineCluster::Member::accept() {
  while (!is_stopping) {
    pollfd ready{listener.get(), POLLIN, 0};
    if (::poll(&ready, 1, 5) <= 0) continue;
    UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char hello[taskmanager::kDataHelloBytes];
    std::size_t count = 0;
    timeval limit{2, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    while (count < sizeof hello) {
      const auto got = ::recv(socket.get(), hello + count, sizeof hello - count, 0);
      if (got <= 0) break;
      count += static_cast<std::size_t>(got);
    }
    const auto decoded = taskmanager::decode_data_hello({hello, count});
    if (!decoded.ok() || decoded->job != cluster->job_) continue;
    ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
    const std::lock_guard lock(mutex);
    runtime->accept_connection(std::move(socket), decoded->slot);
  }
}

void EngineCluster::Member::on_task_status(proto::TaskReport report) {
  const std::lock_guard lock(cluster->mutex_);
  cluster->last_[report.address().execution()] = std::move(report);
  cluster->changed_.notify_all();
}

int EngineCluster::task_manager_of(int subtask) const {
  return subtask / static_cast<int>(settings_.slots) % settings_.task_managers;
}
std::uint32_t EngineCluster::slot_of(int subtask) const {
  return static_cast<std::uint32_t>(subtask) % settings_.slots;
}

plan::TaskTable EngineCluster::table() const {
  plan::TaskTable table;
  for (int index = 0; index < settings_.task_managers; ++index) {
    const Member& member = *members_[static_cast<std::size_t>(index)];
    const std::uint16_t port = settings_.port_shown ? settings_.port_shown(index, member.port) : member.port;
    table.places.push_back({*TaskManagerId::from_string(member.id), "127.0.0.1", port});
  }
  for (std::size_t vertex = 0; vertex < job_graph_.vertices.size(); ++vertex) {
    auto& tasks = table.tasks.emplace_back();
    for (int subtask = 0; subtask < job_graph_.vertices[vertex].parallelism; ++subtask) {
      tasks.push_back({executions_.at({vertex, subtask}), 0, static_cast<std::uint32_t>(task_manager_of(subtask)),
                       slot_of(subtask)});
    }
  }
  return table;
}

proto::DeployTasksRequest EngineCluster::request(const std::vector<plan::TaskIndex>& tasks) const {
  proto::DeployTasksRequest request;
  plan::encode_task_table(table(), *request.mutable_table());
  for (const plan::TaskRange& range : plan::ranges_of(tasks)) {
    auto& out = *request.add_tasks();
    out.set_vertex(range.vertex);
    out.set_first(range.first);
    out.set_last(range.last);
  }
  return request;
}

Result<void> EngineCluster::deploy() {
  std::vector<std::pair<int, proto::DeployTasksRequest>> requests;
  for (int member = 0; member < settings_.task_managers; ++member) {
    std::vector<plan::TaskIndex> all;
    for (const auto& [task, execution] : executions_) {
      if (task_manager_of(task.second) != member) continue;
      const plan::TaskIndex index{static_cast<std::uint32_t>(task.first), static_cast<std::uint32_t>(task.second)};
      if (settings_.shuffle_seed == 0) {
        all.push_back(index);
      } else {
        requests.emplace_back(member, request({index}));
      }
    }
    if (!all.empty()) requests.emplace_back(member, request(all));
  }
  if (settings_.shuffle_seed != 0) std::shuffle(requests.begin(), requests.end(), std::mt19937(settings_.shuffle_seed));
  for (const auto& [member, request] : requests) {
    const std::lock_guard lock(members_[static_cast<std::size_t>(member)]->mutex);
    TRY_VOID(members_[static_cast<std::size_t>(member)]->runtime->deploy(request));
  }
  return {};
}

void EngineCluster::cancel() {
  std::vector<std::string> all;
  for (const auto& [task, execution] : executions_) all.push_back(execution.to_bytes());
  for (auto& member : members_) {
    const std::lock_guard lock(member->mutex);
    member->runtime->cancel(all);
  }
}

bool EngineCluster::wait_for(proto::TaskStatus status, std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  const auto count = [&](proto::TaskStatus wanted) {
    return static_cast<std::size_t>(
        std::count_if(last_.begin(), last_.end(), [&](const auto& entry) { return entry.second.status() == wanted; }));
  };
  changed_.wait_for(lock, deadline, [&] {
    return count(status) == executions_.size() || (status != proto::FAILED && count(proto::FAILED) > 0);
  });
  return count(status) == executions_.size();
}

bool EngineCluster::wait_for_count(proto::TaskStatus status, std::size_t count, std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] {
    return static_cast<std::size_t>(std::count_if(last_.begin(), last_.end(), [&](const auto& entry) {
             return entry.second.status() == status;
           })) >= count;
  });
}

void EngineCluster::stop() {
  if (std::exchange(is_stopped_, true)) return;
  for (auto& member : members_) {
    member->is_stopping = true;
    if (member->accepting.joinable()) member->accepting.join();
    member->runtime->stop();
  }
}

std::vector<proto::TaskReport> EngineCluster::reports() {
  const std::lock_guard lock(mutex_);
  std::vector<proto::TaskReport> all;
  for (const auto& [execution, report] : last_) all.push_back(report);
  return all;
}

std::vector<std::string> EngineCluster::failures() {
  std::vector<std::string> sentences;
  for (const auto& report : reports()) {
    if (report.status() != proto::FAILED) continue;
    const auto vertex = VertexId::from_bytes(report.address().vertex());
    sentences.push_back(fmt::format("{} ({}): {}: {}", job_graph_.find(*vertex)->name, report.address().subtask(),
                                    report.failure().exception(), report.failure().message()));
  }
  return sentences;
}

std::vector<proto::TaskCounters> EngineCluster::counters() {
  std::vector<proto::TaskCounters> all;
  for (auto& member : members_) {
    proto::CollectCountersReply reply;
    const std::lock_guard lock(member->mutex);
    member->runtime->collect_counters(reply);
    all.insert(all.end(), reply.counters().begin(), reply.counters().end());
  }
  return all;
}

BadWire::BadWire(std::uint16_t target) : target_(target) {
  auto listener = listen_on_loopback();
  listener_ = std::move(listener.fd);
  port_ = listener.port;
  thread_ = std::thread([this] { serve(); });
}

BadWire::~BadWire() {
  is_stopping_ = true;
  thread_.join();
}

void BadWire::serve() {
  std::vector<std::thread> passing;
  while (!is_stopping_) {
    pollfd ready{listener_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 5) <= 0) continue;
    const int client = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = dial_loopback(target_).release();
    passing.emplace_back([this, client, server] { pass(client, server); });
  }
  for (auto& thread : passing) thread.join();
}

void BadWire::pass(int client, int server) {
  UniqueFd client_fd(client);
  UniqueFd server_fd(server);
  std::vector<char> bytes(64 * 1024);
  while (!is_stopping_ && server >= 0) {
    if (cut_at != 0 && passed >= cut_at) {
      const linger at_once{1, 0};
      if (resets) {
        ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      }
      if (!closes_half) return;
      ::shutdown(
          client,
          SHUT_WR);  // the consumer reads an end; what it sends still goes through, and the producer's bytes nowhere
      while (!is_stopping_ && ::recv(client, bytes.data(), bytes.size(), 0) > 0) {
      }
      return;
    }
    if (is_stalled) {
      ::poll(nullptr, 0, 2);
      continue;
    }
    pollfd ready[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (::poll(ready, 2, 5) <= 0) continue;
    for (int from = 0; from < 2; ++from) {
      if ((ready[from].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      std::size_t room = bytes.size();
      if (from == 1 && cut_at > passed) room = std::min<std::size_t>(room, cut_at - passed);
      const auto got = ::recv(from == 0 ? client : server, bytes.data(), room, 0);
      if (got <= 0) return;
      if (from == 1) {
        const std::uint64_t before = passed;
        if (flip_at != 0 && flip_at > before && flip_at <= before + static_cast<std::uint64_t>(got))
          bytes[static_cast<std::size_t>(flip_at - before - 1)] ^= 4;
        passed = before + static_cast<std::uint64_t>(got);
      }
      for (ssize_t sent = 0; sent < got && !is_stopping_;) {
        const auto piece = ::send(from == 0 ? server : client, bytes.data() + sent,
                                  static_cast<std::size_t>(got - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (piece > 0) {
          sent += piece;
        } else if (errno == EAGAIN) {
          pollfd writable{from == 0 ? server : client, POLLOUT, 0};
          ::poll(&writable, 1, 5);
        } else {
          return;
        }
      }
    }
  }
}

}  // namespace weir::test

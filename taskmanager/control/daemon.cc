#include "taskmanager/control/daemon.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "common/base/try.h"
#include "common/observe/log.h"
#include "common/rpc/bulk.h"
#include "common/storage/durable_file.h"
#include "common/storage/local_file_system.h"
#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kHeartbeatBytesMax = 16 << 20;
constexpr std::size_t kLogPieceBytesMax = 1u << 20;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::string numeric(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  return ::getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0 ? text.data()
                                                                                                 : std::string();
}

// The local address of the route to a host; empty when there is none. Sends nothing.
std::string address_towards(const config::Endpoint& peer) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(peer.host.c_str(), std::to_string(peer.port).c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, FreeAddresses> owner(found);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const UniqueFd socket(::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage local{};
    socklen_t size = sizeof(local);
    if (!socket.valid() || ::connect(socket.get(), one->ai_addr, one->ai_addrlen) != 0) continue;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size) == 0) {
      return numeric(reinterpret_cast<const sockaddr*>(&local), size);
    }
  }
  return {};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// Where others reach a listener that nobody gave a name.
std::string own_host(const config::Listener& listener, const ListenSocket& socket,
                     const config::Endpoint& job_manager) {
  if (listener.advertised_host) return *listener.advertised_host;
  const bool is_any = socket.address == "0.0.0.0" || socket.address == "::";
  if (!is_any) return socket.address;
  const std::string towards = address_towards(job_manager);
  return towards.empty() ? host_name() : towards;
}

Result<ListenSocket> listen_at(const config::Listener& listener) {
  std::vector<PortRange> ports;
  for (const auto& span : listener.bind_ports.spans) ports.push_back({.first = span.first, .last = span.last});
  return listen_on(listener.bind_host, ports, listener.ports_option);
}

std::uint64_t own_resident_bytes() {
  unsigned long long size = 0;
  unsigned long long resident = 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  if (!file || std::fscanf(file.get(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string output_path(const ProcessFacts& facts) { return facts.log_directory + "/" + facts.log_stem + ".out"; }

}  // namespace

Daemon::Daemon(ControlThread& control, DaemonOptions options)
    : control_(control),
      options_(std::move(options)),
      clock_(control.executor(), machine_clock_, stall_allowance(options_.heartbeat_timeout)),
      pool_(static_cast<std::size_t>(options_.io_threads)),
      stop_(control.executor()),
      signals_(control.executor()),
      slots_(options_.slots),
      output_(control.executor(), log_pool_, output_path(options_.facts), options_.worker_output_bytes_max),
      scope_(control.executor(), "TaskManager") {}

Daemon::~Daemon() = default;

// ---- the start

Result<void> Daemon::start() {
  signals_.add(SIGTERM);  // from here on they wait for their reader
  signals_.add(SIGINT);
  TRY(directory_, WorkingDirectory::make(options_.temporary_parent));
  TRY(auto rpc, listen_at(options_.rpc));
  TRY(auto data, listen_at(options_.data));
  TRY_VOID(make_name(rpc));
  told_rpc_port_ = options_.rpc.advertised_port.value_or(rpc.port);
  told_data_port_ = options_.data.advertised_port.value_or(data.port);
  // All that can fail is done before anything runs in the background. The sockets listen already.
  TRY_VOID(write_ports(rpc.port, data.port));
  make_session();
  TRY_VOID(make_jobs());
  rpc_server_ = std::make_unique<rpc::Server>(node(), methods_, rpc::ServerEvents{});
  acceptor_ = std::make_unique<DataAcceptor>(control_.executor(), clock_, *workers_, slots_, DataAcceptorLimits());
  clock_.start();
  rpc_server_->start(std::move(rpc));
  acceptor_->start(std::move(data));
  workers_->start();
  session_->start();
  scope_.start("signals", wait_for_signals());
  LOG_INFO("TaskManager {} is ready: RPC {}:{}, data port {}, {} slots, {:.0f} MiB of memory ({}), {:.0f} MiB per slot",
           id_, host_, told_rpc_port_, told_data_port_, options_.slots, options_.memory.process.in_mib(),
           options_.memory.reason, options_.memory.slot.in_mib());
  return {};
}

Result<void> Daemon::make_name(const ListenSocket& rpc) {
  host_ = own_host(options_.rpc, rpc, options_.job_manager);
  if (!options_.resource_id) {
    id_ = TaskManagerId::generate(host_, rpc.port);
    return {};
  }
  TRY(id_, TaskManagerId::from_string(*options_.resource_id));
  return {};
}

rpc::Node Daemon::node() {
  return {.executor = control_.executor(),
          .clock = clock_,
          .self = {.role = rpc::Role::task_manager,
                   .cluster = options_.cluster,
                   .incarnation = incarnation_,
                   .name = id_.to_string()},
          .limits = options_.rpc_limits,
          .secret = options_.secret};
}

void Daemon::make_session() {
  SessionSettings settings{.job_manager = {.host = options_.job_manager.host, .port = options_.job_manager.port},
                           .call_timeout = options_.call_timeout,
                           .registration_timeout = options_.registration_timeout};
  session_ = std::make_unique<JobManagerSession>(node(), std::move(settings), methods_, fence_, session_events());
}

Result<void> Daemon::make_jobs() {
  blob_servers_.emplace(node(), session_->epoch());
  ArtefactLimits limits;
  limits.retries = options_.blob_retries;
  limits.read_timeout = options_.blob_read_timeout;
  const std::string artefacts = directory_.path() + "/artefacts";
  TRY_VOID(LocalFileSystem().make_directories(artefacts));
  artefacts_.emplace(control_.executor(), pool_, clock_, *blob_servers_, artefacts, limits);
  context_.emplace(
      WorkerHandleContext{.executor = control_.executor(),
                          .log_pool = log_pool_,
                          .clock = clock_,
                          .artefacts = *artefacts_,
                          .output = output_,
                          .listener = *session_,
                          .epoch = session_->epoch(),
                          .process = {.executable = options_.facts.executable,
                                      .environment = options_.worker_environment,
                                      .output_prefix = options_.facts.log_directory + "/" + options_.facts.log_stem,
                                      .output_bytes_max = options_.worker_output_bytes_max},
                          .rpc_limits = options_.rpc_limits,
                          .task_manager_id = id_.to_string(),
                          .temporary_directory = directory_.path(),
                          .slots = options_.slots,
                          .slot_memory = options_.memory.slot,
                          .slot_network = options_.memory.slot_network,
                          .record_bytes_max = options_.record_bytes_max,
                          .spin_us = options_.spin_us,
                          .silence_max = options_.rpc_limits.silence_max,
                          .start_timeout = options_.worker_start_timeout,
                          .cancellation_timeout = options_.cancellation_timeout,
                          .cancellation_interval = options_.cancellation_interval,
                          .counters_interval = options_.heartbeat_interval});
  workers_.emplace(*context_);
  const std::string& stem = options_.facts.log_stem;
  service_.emplace(
      slots_, *workers_, log_pool_,
      LogPlace{.directory = options_.facts.log_directory,
               .log_name = stem + ".log",
               .output_name = stem + ".out",
               .piece_bytes_max = rpc::bulk_bytes(kLogPieceBytesMax, options_.rpc_limits.payload_bytes_max)});
  serve_task_manager(methods_, *service_);
  return {};
}

SessionEvents Daemon::session_events() {
  return {.describe = [this](proto::RegisterRequest& request) { describe(request); },
          .measure = [this](proto::HeartbeatRequest& request) { measure(request); },
          .live_executions = [this] { return workers_->live_executions(); },
          .end_tasks =
              [this](const JobId& job, const std::vector<ExecutionId>& executions) {
    if (WorkerHandle* worker = workers_->find(job)) worker->cancel(executions);
          },
          .end_workers =
              [this](const std::vector<plan::JobWorker>& workers) {
    for (const plan::JobWorker& worker : workers) service_->end_worker(worker);
          },
      .gave_up = [this](const Error& reason) {
        LOG_ERROR("this TaskManager ends: {}", reason.message);
        exit_code_ = kCannotGoOn;
        stop();
      }};
}

void Daemon::describe(proto::RegisterRequest& request) const {
  request.set_task_manager_id(id_.to_string());
  request.set_incarnation(incarnation_.to_bytes());
  request.set_host(host_);
  request.set_rpc_port(told_rpc_port_);
  request.set_data_port(told_data_port_);
  request.set_slots(options_.slots);
  request.mutable_hardware()->set_cpu_cores(std::thread::hardware_concurrency());
  request.mutable_hardware()->set_physical_memory(options_.memory_limits.machine.bytes());
  const config::MemoryBudget& memory = options_.memory;
  const ByteCount slots = memory.slot * options_.slots;
  request.mutable_memory()->set_process(memory.process.bytes());
  request.mutable_memory()->set_network(memory.network.bytes());
  request.mutable_memory()->set_user((slots - memory.network).bytes());
  for (const plan::JobWorker& worker : workers_->workers()) plan::encode_job_worker(worker, *request.add_workers());
}

void Daemon::measure(proto::HeartbeatRequest& request) const {
  request.set_task_manager_id(id_.to_string());
  request.set_incarnation(incarnation_.to_bytes());
  const std::size_t bytes_max = rpc::bulk_bytes(kHeartbeatBytesMax, options_.rpc_limits.payload_bytes_max);
  std::size_t bytes = 0;
  for (auto& counters : workers_->counters()) {
    bytes += counters.ByteSizeLong();
    if (bytes > bytes_max) break;  // what is left out is seen later or not; a heartbeat that does not fit would lose us
    *request.add_counters() = std::move(counters);
  }
  request.set_resident_bytes(own_resident_bytes() + workers_->resident_bytes());
}

Result<void> Daemon::write_ports(std::uint16_t rpc, std::uint16_t data) const {
  if (options_.facts.ports_file.empty()) return {};
  LocalFileSystem files;
  return write_durably(files, options_.facts.ports_file, fmt::format("{{\"rpc\": {}, \"data\": {}}}\n", rpc, data));
}

// ---- the end

asio::awaitable<int> Daemon::serve() {
  co_await stop_.wait();
  // No new work first, then the jobs; the JobManager sees the connection end and its dial refused: this one is gone.
  co_await acceptor_->close();
  co_await session_->close();
  co_await rpc_server_->close();
  co_await workers_->close();
  co_await artefacts_->close();
  co_await scope_.close();
  co_await clock_.stop();
  LOG_INFO("TaskManager {} has ended", id_);
  co_return exit_code_;
}

Async<void> Daemon::wait_for_signals() {
  const int first = co_await signals_.async_wait(asio::use_awaitable);
  LOG_INFO("{}: the TaskManager ends", ::strsignal(first));
  stop();
  const int second = co_await signals_.async_wait(asio::use_awaitable);
  LOG_WARN("{} again: the TaskManager ends at once", ::strsignal(second));
  log::stop();
  directory_ = WorkingDirectory();
  ::_exit(kCannotGoOn);
}

}  // namespace weir::taskmanager

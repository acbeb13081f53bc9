#include "jobmanager/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/sockets.h"
#include "common/base/try.h"
#include "common/observe/log.h"
#include "common/rpc/bulk.h"
#include "common/rpc/client.h"
#include "common/storage/durable_file.h"

namespace weir::jobmanager {

namespace {

constexpr std::chrono::seconds kRestGrace{1};
constexpr int kExitedByForce = 1;

void say_superseded(const rpc::Identity& peer, std::uint64_t epoch) {
  LOG_ERROR(
      "another JobManager leads this cluster: {} {} obeys epoch {}, this one leads in epoch {}; end one of them "
      "(TaskManagers refuse this one's orders from now on)",
      rpc::role_name(peer.role), peer.name, epoch, kLeaderEpoch);
}

std::string advertised(const config::Listener& listener, std::uint16_t bound_port) {
  const std::string host = listener.advertised_host.value_or(listener.bind_host);
  return rpc::Address{host, listener.advertised_port.value_or(bound_port)}.to_string();
}

Result<ListenSocket> listen_at(const config::Listener& listener) {
  return listen_on(listener.bind_host, socket_ports(listener.bind_ports), listener.ports_option);
}

}  // namespace

Daemon::Daemon(ControlThread& control, DaemonOptions options, LibraryReader read_library)
    : control_(control),
      options_(std::move(options)),
      read_library_(std::move(read_library)),
      clock_(control.executor(), machine_clock_, stall_allowance(options_.registry.heartbeat_timeout)),
      leadership_(kLeaderEpoch, say_superseded),
      pool_(options_.io_threads),
      stop_(control.executor()),
      signals_(control.executor()),
      dialler_(node(), epoch_,
               [this](const rpc::Identity& peer, std::uint64_t epoch) { leadership_.see(peer, epoch); }),
      task_managers_(control.executor(), clock_, dialler_, slots_, options_.registry),
      scope_(control.executor(), "JobManager") {}

Daemon::~Daemon() {
  http_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(options_.temporary_directory, ignored);
}

rpc::Node Daemon::node() {
  return {.executor = control_.executor(),
          .clock = clock_,
          .self = {rpc::Role::job_manager, options_.cluster, incarnation_, "jobmanager"},
          .limits = options_.rpc_limits,
          .secret = options_.secret};
}

Result<void> Daemon::start() {
  clock_.start();
  signals_.add(SIGTERM);  // from here on they wait for their reader
  signals_.add(SIGINT);
  TRY_VOID(open_store());
  TRY_VOID(listen());
  TRY_VOID(start_rest());
  dispatcher_->start();
  sweeper_->start();
  task_managers_.start(*dispatcher_);
  scope_.start("wait for signals", wait_for_signals());
  TRY_VOID(write_ports());
  LOG_INFO("JobManager {} is ready: RPC {}, blobs {}, REST {}", incarnation_, advertised(options_.rpc, rpc_port()),
           advertised(options_.blob, blob_port()), advertised(options_.rest, rest_port()));
  return {};
}

Result<void> Daemon::open_store() {
  for (const std::string* directory :
       {&options_.temporary_directory, &options_.http.spool_directory, &options_.store_directory}) {
    TRY_VOID(files_.make_directories(*directory));
  }
  const std::string lock = options_.store_directory + "/lock";
  store_lock_.reset(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!store_lock_) return Error::external(ErrorCode::io, fmt::format("cannot open {}: {}", lock, ::strerror(errno)));
  if (::flock(store_lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error::user(
        ErrorCode::already_exists,
        fmt::format("another JobManager uses {}: give each its own blob.storage.directory", options_.store_directory));
  }
  BlobStoreOptions store{options_.store_directory, options_.rest_settings.upload_bytes_max};
  blobs_ = std::make_unique<BlobStore>(control_.executor(), pool_, files_, clock_, std::move(store), read_library_);
  return blobs_->open();
}

Result<void> Daemon::listen() {
  TRY(auto rpc_socket, listen_at(options_.rpc));
  TRY(auto blob_socket, listen_at(options_.blob));
  DispatcherOptions dispatcher = options_.dispatcher;
  dispatcher.job.epoch = epoch_.current();
  dispatcher.job.blob_address = advertised(options_.blob, blob_socket.port);
  ServiceTerms terms{incarnation_, dispatcher.job.blob_address, options_.heartbeat_interval,
                     options_.registry.heartbeat_timeout, kLeaderEpoch};
  dispatcher_ = std::make_unique<Dispatcher>(control_.executor(), clock_, task_managers_, slots_, resources_,
                                             std::move(dispatcher));
  submission_ = std::make_unique<Submission>(*blobs_, *dispatcher_, planner_pool_, options_.submission);
  sweeper_ = std::make_unique<ArtefactSweeper>(control_.executor(), clock_, *blobs_,
                                               [this] { return dispatcher_->blobs_in_use(); });

  service_ = std::make_unique<JobManagerService>(task_managers_, *dispatcher_, std::move(terms));
  serve_job_manager(methods_, *service_);
  rpc_server_ = std::make_unique<rpc::Server>(node(), methods_, rpc::ServerEvents{});
  rpc_server_->start(std::move(rpc_socket));
  blob_service_ =
      std::make_unique<BlobService>(control_.executor(), *blobs_, options_.blob_reads_max,
                                    rpc::bulk_bytes(BlobStore::kPieceBytesMax, options_.rpc_limits.payload_bytes_max));
  serve_blobs(blob_methods_, *blob_service_);
  blob_server_ = std::make_unique<rpc::Server>(node(), blob_methods_, rpc::ServerEvents{});
  blob_server_->start(std::move(blob_socket));
  return {};
}

Result<void> Daemon::start_rest() {
  cluster_backend_ = std::make_unique<ControlClusterBackend>(control_.executor(), clock_, *dispatcher_, task_managers_,
                                                             slots_, [this] { stop(); });
  job_backend_ = std::make_unique<ControlJobBackend>(control_.executor(), *dispatcher_);
  jar_backend_ = std::make_unique<ControlJarBackend>(control_.executor(), *blobs_, *sweeper_, *submission_);
  rest::RestSettings settings = options_.rest_settings;
  // Port 0 is known only after listening, so that the address shown is the one asked for unless it is 0.
  settings.address = "http://" + advertised(options_.rest, 0);
  rest::RestServices services{
      *cluster_backend_, *job_backend_, *jar_backend_, std::move(settings),
      [] { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }};
  rest_api_ = std::make_unique<rest::RestApi>(std::move(services));
  TRY(http_, http::HttpServer::start(options_.http, *rest_api_));
  return {};
}

Result<void> Daemon::write_ports() const {
  if (options_.facts.ports_file.empty()) return {};
  LocalFileSystem files;
  return write_durably(
      files, options_.facts.ports_file,
      fmt::format("{{\"rest\": {}, \"rpc\": {}, \"blob\": {}}}\n", rest_port(), rpc_port(), blob_port()));
}

void Daemon::stop() { stop_.set(); }

Async<void> Daemon::wait_for_signals() {
  const int first = co_await signals_.async_wait(asio::use_awaitable);
  LOG_INFO("{}: the JobManager ends", ::strsignal(first));
  stop();
  const int second = co_await signals_.async_wait(asio::use_awaitable);
  LOG_WARN("{} again: the JobManager ends at once", ::strsignal(second));
  log::stop();
  std::error_code ignored;
  std::filesystem::remove_all(options_.temporary_directory, ignored);
  ::_exit(kExitedByForce);
}

Async<Result<void>> Daemon::run() {
  const Result<void> started = start();
  if (started.ok()) co_await stop_.wait();
  co_await drain();
  if (started.ok()) LOG_INFO("the JobManager has ended");
  co_return started;
}

/// Of what has been started, which may be a part when something could not be.
Async<void> Daemon::drain() {
  if (http_ != nullptr) {
    auto stop_rest = [this] { http_->stop(kRestGrace); };
    co_await run_blocking(pool_, std::move(stop_rest));
  }
  if (submission_ != nullptr)
    submission_->stop();  // a build function may take its time, and nobody waits for it any more
  if (cluster_backend_ != nullptr) co_await cluster_backend_->close();
  if (jar_backend_ != nullptr) co_await jar_backend_->close();
  if (sweeper_ != nullptr) co_await sweeper_->close();
  if (dispatcher_ != nullptr) co_await dispatcher_->close();
  const SteadyTime deadline = clock_.now() + options_.shutdown_timeout;
  co_await task_managers_.close(deadline);
  if (rpc_server_ != nullptr) co_await rpc_server_->close();
  if (blob_server_ != nullptr) co_await blob_server_->close();
  co_await scope_.close();
  co_await clock_.stop();
}

}  // namespace weir::jobmanager

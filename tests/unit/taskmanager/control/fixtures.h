// A TaskManager's parts around scripted workers, for the tests of this folder.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/async/executor.h"
#include "common/storage/blob_key.h"
#include "proto/job_manager.pb.h"
#include "proto/task_manager.pb.h"
#include "taskmanager/jobs/worker_table.h"
#include "tests/support/deployments.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/temporary_directory.h"

namespace weir::taskmanager {

inline SteadyTime in_time() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

/// Blobs in memory; each read is first shown to `on_read`, which may refuse it.
class MemoryBlobs final : public BlobServers {
 public:
  std::string add(const std::string& content) {
    const std::string key = blob_key_of(content).to_hex();
    contents[key] = content;
    return key;
  }
  Result<std::unique_ptr<BlobSource>> open(const std::string& address) override {
    if (address == "nowhere") return Error::external(ErrorCode::invalid_argument, "no such address");
    ++visits;
    return std::unique_ptr<BlobSource>(std::make_unique<Source>(*this));
  }

  std::map<std::string, std::string> contents;
  std::function<Result<void>(std::uint64_t offset)> on_read;
  int visits = 0;
  std::vector<std::uint64_t> offsets;

 private:
  struct Source final : BlobSource {
    explicit Source(MemoryBlobs& owner) : blobs(owner) {}
    Async<BlobPiece> read(const std::string& key, std::uint64_t offset, std::uint32_t bytes_max, SteadyTime) override {
      blobs.offsets.push_back(offset);
      if (blobs.on_read) {
        if (auto result = blobs.on_read(offset); !result.ok()) co_return std::move(result).error();
      }
      const auto found = blobs.contents.find(key);
      if (found == blobs.contents.end()) co_return Error::external(ErrorCode::not_found, "no such blob");
      BlobPiece piece;
      piece.content = found->second.substr(offset, bytes_max);
      piece.blob_bytes = found->second.size();
      co_return piece;
    }
    Async<void> close() override { co_return; }
    MemoryBlobs& blobs;
  };
};

/// Remembers statuses, and lets a test wait for one.
class StatusLog final : public TaskStatusListener {
 public:
  explicit StatusLog(asio::any_io_executor executor) : changed_(std::move(executor)) {}
  void on_task_status(const JobId&, proto::TaskReport report) override {
    statuses.push_back(std::move(report));
    changed_.set();
  }
  /// Waits for a state of any task; the case's own time limit is the deadline.
  Async<proto::TaskReport> wait_for(proto::TaskStatus status) {
    for (;;) {
      for (const auto& report : statuses) {
        if (report.status() == status) co_return report;
      }
      changed_.reset();
      co_await changed_.wait();
    }
  }
  std::vector<proto::TaskStatus> states() const {
    std::vector<proto::TaskStatus> all;
    for (const auto& report : statuses) all.push_back(report.status());
    return all;
  }

  std::vector<proto::TaskReport> statuses;

 private:
  Event changed_;
};

/// Everything below the control service.
struct Machine {
  explicit Machine(ControlThread& control)
      : pool(2),
        cache(control.executor(), pool, clock, blobs, directory.string(), limits()),
        output(control.executor(), pool, directory.string() + "/tm.out", 1 << 20),
        listener(control.executor()),
        context{.executor = control.executor(),
                .log_pool = pool,
                .clock = clock,
                .artefacts = cache,
                .output = output,
                .listener = listener,
                .epoch = epoch,
                .process = {.executable = SCRIPTED_TASKMANAGER,
                            .environment = {"TZ=UTC", "LANG=C.UTF-8"},
                            .output_prefix = directory.string() + "/tm",
                            .output_bytes_max = 1 << 20},
                .rpc_limits = {},
                .task_manager_id = "tm-1",
                .temporary_directory = directory.string(),
                .slots = 4,
                .slot_memory = ByteCount::gib(4),
                .slot_network = ByteCount::mib(8),
                .start_timeout = std::chrono::seconds(15),
                .cancellation_timeout = std::chrono::milliseconds(300),
                .counters_interval = std::chrono::milliseconds(20)},
        workers(context) {
    key = blobs.add("a library");
    workers.start();
  }
  static ArtefactLimits limits() {
    ArtefactLimits limits;
    limits.retry_pause = std::chrono::milliseconds(1);
    return limits;
  }
  Async<void> close() {
    co_await workers.close();
    co_await cache.close();
  }

  /// A deployment of one task per slot given.
  proto::DeployRequest request(const JobId& job, const std::map<std::string, std::string>& configuration,
                               const std::vector<std::uint32_t>& slots = {0}) const {
    proto::DeployRequest request;
    request.set_job(job.to_bytes());
    request.mutable_artefact()->set_blob_key(key);
    request.mutable_artefact()->set_bytes(blobs.contents.at(key).size());
    request.mutable_configuration()->insert(configuration.begin(), configuration.end());
    request.set_secret(std::string(32, 's'));
    request.mutable_graph()->set_job_name("scripted");
    request.set_blob_address("memory:1");
    testing::add_tasks(request, slots);
    return request;
  }
  Async<Result<void>> deploy(proto::DeployRequest request) {
    const plan::JobWorker wanted{*JobId::from_bytes(request.job()), plan::decode_generation(request.generation())};
    auto executions = executions_of(request);
    if (!executions.ok()) co_return executions.error();
    const auto count = static_cast<std::uint32_t>(executions->size());
    const auto shared = std::make_shared<const proto::DeployRequest>(std::move(request));
    auto taking = workers.take(wanted);
    const auto worker = co_await std::move(taking);
    if (!worker.ok()) co_return worker.error();
    auto work = (*worker)->deploy(shared, std::move(*executions), count, deploy_deadline());
    co_return co_await std::move(work);
  }

  /// For deployments from here on.
  std::chrono::milliseconds deploy_time{20'000};
  SteadyTime deploy_deadline() const { return clock.now() + deploy_time; }

  test::TemporaryDirectory directory;
  SystemClock clock;
  BlockingPool pool;
  MemoryBlobs blobs;
  ArtefactCache cache;
  OutputFile output;
  StatusLog listener;
  PlainLeaderEpoch epoch{1};
  WorkerHandleContext context;
  WorkerTable workers;
  std::string key;
};

}  // namespace weir::taskmanager

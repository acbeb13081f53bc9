// A TaskManager whose workers do what the job's configuration says: real processes and sessions, and no data plane.
//   test.start = ok | fail | crash | hang | exit           what start() does
//   test.deploy-ms = N                                     how long deploy() takes
//   test.task  = run | finish | fail | segv | abort | exit | print | deaf | memory     what a deployed task does
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/observe/log.h"
#include "proto/task_manager.pb.h"
#include "proto/worker.pb.h"
#include "taskmanager/control/taskmanager_main.h"
#include "tests/support/deployments.h"

namespace {

using namespace weir;
using namespace weir::taskmanager;

int* volatile nowhere = nullptr;  // volatile: the compiler must not see that this cannot be

// The fault is what is wanted, not a sanitizer's word about it.
__attribute__((noinline, no_sanitize("undefined"))) void write_to_nowhere(int* target) { *target = 1; }

class ScriptedRuntime final : public TaskRuntime {
 public:
  explicit ScriptedRuntime(TaskRuntimeEvents& events) : events_(events) {}

  Result<void> start(const proto::StartWorkerRequest& request) override {
    configuration_ = {request.configuration().begin(), request.configuration().end()};
    const std::string what = configuration_["test.start"];
    LOG_INFO("starting with {} bytes of memory", request.memory_bytes());
    if (what == "fail") return Error::user(ErrorCode::invalid_argument, "the library does not fit");
    if (what == "crash") write_to_nowhere(nowhere);
    if (what == "exit") std::exit(7);
    while (what == "hang") ::pause();
    return {};
  }

  Result<void> deploy(const proto::DeployTasksRequest& request) override {
    const auto placed = testing::placed_tasks(request);
    for (const auto& task : placed) {
      if (task.slot == 99) return Error::external(ErrorCode::invalid_argument, "no slot 99");
    }
    if (const auto pause = configuration_.find("test.deploy-ms"); pause != configuration_.end()) {
      ::usleep(static_cast<useconds_t>(std::stoul(pause->second) * 1000));
    }
    for (const auto& task : placed) {
      proto::TaskAddress address;
      address.set_execution(task.execution.to_bytes());
      tasks_[address.execution()] = address;
      // As in the engine, statuses come from another thread.
      std::thread([this, address] { run(address); }).join();
    }
    return {};
  }

  void cancel(const std::vector<std::string>& executions) override {
    if (configuration_["test.task"] == "deaf") return;
    if (configuration_["test.task"] == "third time" && ++asked_ < 3) return;
    for (const auto& execution : executions) tell(tasks_.at(execution), proto::CANCELED);
  }

  void accept_connection(UniqueFd socket, std::uint32_t slot) override {
    const std::string text = "slot " + std::to_string(slot) + "\n";
    (void)!::write(socket.get(), text.data(), text.size());
  }

  void collect_counters(proto::CollectCountersReply& reply) override {
    for (const auto& [execution, address] : tasks_) {
      auto& counters = *reply.add_counters();
      counters.set_execution(execution);
      counters.set_records_in(42);
    }
  }

  void stop() override {}

 private:
  void tell(const proto::TaskAddress& address, proto::TaskStatus status) {
    proto::TaskReport report;
    *report.mutable_address() = address;
    report.set_status(status);
    if (status == proto::FAILED) report.mutable_failure()->set_message("it failed");
    events_.on_task_status(std::move(report));
  }

  void run(const proto::TaskAddress& address) {
    const std::string what = configuration_["test.task"];
    tell(address, proto::INITIALIZING);
    tell(address, proto::RUNNING);
    if (what == "finish") tell(address, proto::FINISHED);
    if (what == "fail") tell(address, proto::FAILED);
    if (what == "segv") write_to_nowhere(nowhere);
    if (what == "abort") std::abort();
    if (what == "exit") std::exit(5);
    if (what == "print") print();
    if (what == "memory") {
      static std::vector<std::string> kept;
      for (int i = 0; i < 64; ++i) kept.emplace_back(4 << 20, 'x');
    }
  }

  static void print() {
    std::printf("a line of user code\n");
    std::fprintf(stderr, "a line on stderr\n");
    // Descriptors that what user code starts would inherit.
    for (int fd = 3; fd < 64; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
        std::printf("descriptor %d is open\n", fd);
    }
    std::printf("TZ=%s PATH=%s\n", std::getenv("TZ"), std::getenv("PATH") == nullptr ? "none" : "set");
  }

  TaskRuntimeEvents& events_;
  std::map<std::string, std::string> configuration_;
  std::map<std::string, proto::TaskAddress> tasks_;
  int asked_ = 0;
};

}  // namespace

int main(int argument_count, char** arguments) {
  return run_taskmanager(argument_count, arguments,
                         [](TaskRuntimeEvents& events) { return std::make_unique<ScriptedRuntime>(events); });
}

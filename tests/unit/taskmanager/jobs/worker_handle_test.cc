#include "taskmanager/jobs/worker_handle.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/sockets.h"
#include "taskmanager/exchange/data_hello.h"
#include "tests/support/sanitizer.h"
#include "tests/unit/taskmanager/control/fixtures.h"

using namespace weir;
using namespace weir::taskmanager;
using weir::testing::execution_of;
using weir::testing::run_coroutine;
using Script = std::map<std::string, std::string>;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Deploys and says what went wrong; "" when nothing did.
Async<std::string> deploy(Machine& machine, proto::DeployRequest request) {
  auto work = machine.deploy(std::move(request));
  const auto result = co_await std::move(work);
  co_return result.ok() ? std::string() : result.error().message;
}

Async<void> deploy_in_background(Machine& machine, proto::DeployRequest request, std::string& message) {
  const auto result = co_await deploy(machine, std::move(request));
  message = *result;
}

}  // namespace

TEST_CASE("worker_handle: a deployed task reports until it is finished, and the worker ends in order") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const auto request = machine.request(JobId::random(), Script{{"test.task", "finish"}});
    const auto message = co_await deploy(machine, request);
    CHECK(*message == "");
    const auto finished = co_await machine.listener.wait_for(proto::FINISHED);
    CHECK(finished->address().execution() == execution_of(request, 0).to_bytes());
    CHECK(machine.listener.states() == std::vector{proto::INITIALIZING, proto::RUNNING, proto::FINISHED});
    co_await machine.close();
    CHECK(machine.listener.statuses.size() == 3);
  });
}

TEST_CASE(
    "worker_handle: a segmentation fault fails the worker's tasks with signal, function and line, and another job goes "
    "on") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId other = JobId::random();
    auto request_1 = machine.request(other, Script{{"test.task", "run"}}, {1});
    const auto calm = co_await deploy(machine, std::move(request_1));
    CHECK(*calm == "");
    const auto wild = machine.request(JobId::random(), Script{{"test.task", "segv"}});
    const auto message = co_await deploy(machine, wild);
    CHECK(*message == "");  // its tasks were taken, and are reported to their end
    const auto failed = co_await machine.listener.wait_for(proto::FAILED);
    const auto& failure = failed->failure();
    CHECK(failed->address().execution() == execution_of(wild, 0).to_bytes());
    CHECK(failure.exception() == "worker killed by signal 11 (SIGSEGV)");
    CHECK(contains(failure.message(), "no memory at address 0x0"));
    CAPTURE(failure.stack_trace());
    CHECK(contains(failure.stack_trace(), "write_to_nowhere(int*) ("));
    CHECK(contains(failure.stack_trace(), "scripted_taskmanager.cc:"));
    CHECK(failure.timestamp_ms() > 0);
    CHECK_FALSE(machine.workers.find(other)->has_ended());
    CHECK(machine.workers.find(other)->resident_bytes() > 0);
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: exit() in user code is told as what it is") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    auto request_2 = machine.request(JobId::random(), Script{{"test.task", "exit"}});
    const auto message = co_await deploy(machine, std::move(request_2));
    CHECK(*message == "");
    const auto failed = co_await machine.listener.wait_for(proto::FAILED);
    CHECK(failed->failure().exception() == "worker exited with code 5");
    CHECK(contains(failed->failure().message(), "must not call exit()"));
    co_await machine.close();
  });
}

TEST_CASE(
    "worker_handle: a killed worker fails its tasks without a trace and says so, and a later deployment gets a new "
    "one") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    auto request_3 = machine.request(job, Script{{"test.task", "run"}}, {0, 1});
    const auto message = co_await deploy(machine, std::move(request_3));
    CHECK(*message == "");
    ::kill(machine.workers.find(job)->process_id(), SIGKILL);
    const auto failed = co_await machine.listener.wait_for(proto::FAILED);
    CHECK(failed->failure().exception() == "worker killed by signal 9 (SIGKILL)");
    CHECK(contains(failed->failure().message(), "leaves no trace"));
    CHECK(failed->failure().blame() == proto::RpcError::EXTERNAL);  // as the kernel's memory killer
    CHECK(std::ranges::count(machine.listener.states(), proto::FAILED) == 2);
    auto request_4 = machine.request(job, Script{{"test.task", "finish"}});
    const auto again = co_await deploy(machine, std::move(request_4));
    CHECK(*again == "");
    const auto finished = co_await machine.listener.wait_for(proto::FINISHED);
    CHECK(finished.ok());
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: what keeps a worker from starting is told in words") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    auto request_5 = machine.request(JobId::random(), Script{{"test.start", "fail"}});
    const auto refused = co_await deploy(machine, std::move(request_5));
    CHECK(*refused == "the library does not fit");
    auto request_6 = machine.request(JobId::random(), Script{{"test.start", "crash"}});
    const auto crashed = co_await deploy(machine, std::move(request_6));
    CHECK(contains(*crashed, "killed by signal 11 (SIGSEGV)"));
    CHECK(contains(*crashed, "write_to_nowhere"));
    auto request_7 = machine.request(JobId::random(), Script{{"test.start", "exit"}});
    const auto exited = co_await deploy(machine, std::move(request_7));
    CHECK(contains(*exited, "exited with code 7"));
    machine.context.start_timeout = std::chrono::milliseconds(300);
    auto request_8 = machine.request(JobId::random(), Script{{"test.start", "hang"}});
    const auto hung = co_await deploy(machine, std::move(request_8));
    CHECK(contains(*hung, "weir.worker.start-timeout"));
    machine.context.process.executable = "/nowhere/taskmanager";
    auto request_9 = machine.request(JobId::random(), Script{});
    const auto missing = co_await deploy(machine, std::move(request_9));
    CHECK(contains(*missing, "cannot run /nowhere/taskmanager: No such file"));
    CHECK(machine.listener.statuses.empty());
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: tasks that the worker refuses do not exist, and the worker goes on") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    auto request_10 = machine.request(job, Script{{"test.task", "run"}});
    const auto first = co_await deploy(machine, std::move(request_10));
    CHECK(*first == "");
    auto request_11 = machine.request(job, Script{}, {99});
    const auto refused = co_await deploy(machine, std::move(request_11));
    CHECK(*refused == "no slot 99");
    CHECK_FALSE(machine.workers.find(job)->has_ended());
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: the same tasks twice are started once") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const auto request = machine.request(JobId::random(), Script{{"test.task", "run"}});
    const auto first = co_await deploy(machine, request);
    const auto second = co_await deploy(machine, request);
    CHECK(*first + *second == "");
    const auto running = co_await machine.listener.wait_for(proto::RUNNING);
    CHECK(running.ok());
    co_await machine.close();
    CHECK(machine.listener.statuses.size() == 2);
  });
}

TEST_CASE("worker_handle: a worker that is late with its reply may run the tasks, and they are not forgotten") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    const auto first = machine.request(job, Script{{"test.task", "run"}, {"test.deploy-ms", "400"}}, {0});
    const auto started = co_await deploy(machine, first);
    CHECK(*started == "");
    const auto second = machine.request(job, Script{}, {1});
    machine.deploy_time = std::chrono::milliseconds(100);
    const auto late = co_await deploy(machine, second);
    CHECK(*late != "");
    WorkerHandle& worker = *machine.workers.find(job);
    CHECK(worker.has_live_tasks_in(1));
    // Its statuses come, and it can be cancelled.
    const auto is_second = [id = execution_of(second).to_bytes()](const auto& report) {
      return report.address().execution() == id && report.status() == proto::RUNNING;
    };
    while (std::ranges::none_of(machine.listener.statuses, is_second))
      co_await machine.clock.sleep_for(std::chrono::milliseconds(2));
    CHECK(worker.cancel({execution_of(second)}).empty());
    const auto canceled = co_await machine.listener.wait_for(proto::CANCELED);
    CHECK(canceled->address().execution() == execution_of(second).to_bytes());
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: a repeated deployment returns what becomes of the first, not before") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const auto request = machine.request(JobId::random(), Script{{"test.start", "fail"}});
    TaskScope scope(control.executor(), "test");
    std::string first = "unset", second = "unset";
    scope.start("first", deploy_in_background(machine, request, first));
    scope.start("second", deploy_in_background(machine, request, second));
    co_await scope.wait_until_empty();
    CHECK(first == "the library does not fit");
    CHECK(second != "");
    co_await scope.close();
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: a living worker takes a second deployment of its graph, and its share follows its slots") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    const auto first = machine.request(job, Script{{"test.task", "finish"}}, {0});
    const auto one = co_await deploy(machine, first);
    CHECK(*one == "");
    const auto finished = co_await machine.listener.wait_for(proto::FINISHED);
    CHECK(finished.ok());
    const pid_t process = machine.workers.find(job)->process_id();
    const auto again = machine.request(job, Script{}, {0, 1, 2});
    const auto two = co_await deploy(machine, again);
    CHECK(*two == "");
    CHECK(machine.workers.find(job)->process_id() == process);
    const auto old = co_await deploy(machine, first);  // comes late once more: its task is over
    CHECK(*old == "");
    auto all_finished = [&machine] { return std::ranges::count(machine.listener.states(), proto::FINISHED) == 4; };
    while (!all_finished()) co_await machine.clock.sleep_for(std::chrono::milliseconds(2));
    co_await machine.close();
    CHECK(machine.listener.statuses.size() == 4 * 3);
  });
}

TEST_CASE("worker_handle: another graph under the same generation is refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    auto request = machine.request(job, Script{{"test.task", "run"}});
    const auto first = co_await deploy(machine, request);
    CHECK(*first == "");
    auto other = machine.request(job, Script{{"test.task", "run"}}, {1});
    other.mutable_graph()->set_job_name("another");
    const auto refused = co_await deploy(machine, std::move(other));
    CHECK(contains(*refused, "another graph"));
    CHECK(machine.workers.find(job)->has_live_tasks_in(0));
    co_await machine.close();
  });
}

TEST_CASE("worker_table: a later generation replaces the worker, an earlier one is refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    const auto of_generation = [&](std::uint64_t epoch, std::uint64_t number) {
      auto request = machine.request(job, Script{{"test.task", "run"}});
      plan::encode_generation({epoch, number}, *request.mutable_generation());
      return request;
    };
    auto old = of_generation(1, 2);
    const auto first = co_await deploy(machine, old);
    CHECK(*first == "");
    const pid_t process = machine.workers.find(job)->process_id();
    auto newer = of_generation(2, 1);
    const auto second = co_await deploy(machine, std::move(newer));
    CHECK(*second == "");
    CHECK(machine.workers.find(job)->process_id() != process);
    CHECK(::kill(process, 0) != 0);  // the old one had ended before the new one started
    const auto late = co_await deploy(machine, old);
    CHECK(contains(*late, "a later deployment"));
    CHECK(machine.workers.find(job)->has_live_tasks());
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: a cancelled task reports CANCELED") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    const auto request = machine.request(job, Script{{"test.task", "run"}});
    const auto message = co_await deploy(machine, request);
    CHECK(*message == "");
    machine.workers.find(job)->cancel({execution_of(request), ExecutionId::random()});
    const auto canceled = co_await machine.listener.wait_for(proto::CANCELED);
    CHECK(canceled.ok());
    CHECK_FALSE(machine.workers.find(job)->has_ended());
    co_await machine.close();
  });
}

TEST_CASE(
    "worker_handle: a task that does not stop costs the worker, is CANCELED, and its neighbours fail with the reason") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    const auto request = machine.request(job, Script{{"test.task", "deaf"}}, {0, 1});
    const auto message = co_await deploy(machine, request);
    CHECK(*message == "");
    machine.workers.find(job)->cancel({execution_of(request, 0)});
    const auto canceled = co_await machine.listener.wait_for(proto::CANCELED);
    CHECK(canceled->address().execution() == execution_of(request, 0).to_bytes());
    const auto failed = co_await machine.listener.wait_for(proto::FAILED);
    CHECK(contains(failed->failure().message(), "task.cancellation.timeout"));
    CHECK(machine.workers.find(job)->has_ended());
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: a task that does not stop is asked again and again, for ever where no time-out ends it") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    machine.context.cancellation_timeout = std::chrono::nanoseconds(0);
    machine.context.cancellation_interval = std::chrono::milliseconds(20);
    const JobId job = JobId::random();
    const auto request = machine.request(job, Script{{"test.task", "third time"}});
    const auto message = co_await deploy(machine, request);
    CHECK(*message == "");
    machine.workers.find(job)->cancel({execution_of(request)});
    const auto canceled = co_await machine.listener.wait_for(proto::CANCELED);
    CHECK(canceled.ok());
    CHECK_FALSE(machine.workers.find(job)->has_ended());
    co_await machine.close();
  });
}

constexpr const char* kTooLarge = "with the sanitizer's shadow a worker is above this share from its start";
TEST_CASE("worker_handle: a worker above its share of the memory is ended with a sentence" *
          weir::test::not_under(weir::Sanitizer::address, kTooLarge) *
          weir::test::not_under(weir::Sanitizer::thread, kTooLarge)) {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    machine.context.slot_memory = ByteCount::mib(128);
    auto request_12 = machine.request(JobId::random(), Script{{"test.task", "memory"}});
    const auto message = co_await deploy(machine, std::move(request_12));
    CHECK(*message == "");
    const auto failed = co_await machine.listener.wait_for(proto::FAILED);
    CAPTURE(failed->failure().message());
    CHECK(contains(failed->failure().message(), "its share is 128 MiB (1 of 4 slots)"));
    CHECK(contains(failed->failure().message(), "taskmanager.memory.process.size"));
    co_await machine.close();
  });
}

TEST_CASE(
    "worker_handle: what user code prints is in the TaskManager's file and in the worker's own, and it inherits "
    "nothing") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    auto request_13 = machine.request(job, Script{{"test.task", "print"}});
    const auto message = co_await deploy(machine, std::move(request_13));
    CHECK(*message == "");
    co_await machine.close();
    const std::string all = test::read_text(machine.directory.path() / "tm.out");
    CAPTURE(all);
    CHECK(contains(all, "a line of user code\n"));
    CHECK(contains(all, "a line on stderr\n"));
    CHECK(contains(all, "TZ=UTC PATH=none\n"));
    CHECK_FALSE(contains(all, "is open"));
    CHECK(contains(test::read_text(machine.directory.path() / ("tm-" + job.to_hex() + "-1.out")),
                   "a line of user code\n"));
  });
}

TEST_CASE("worker_handle: counters come from the worker until it ends") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    auto request_14 = machine.request(job, Script{{"test.task", "run"}});
    const auto message = co_await deploy(machine, std::move(request_14));
    CHECK(*message == "");
    while (machine.workers.counters().empty()) co_await machine.clock.sleep_for(std::chrono::milliseconds(5));
    CHECK(machine.workers.counters().at(0).records_in() == 42);
    CHECK(machine.workers.resident_bytes() > 0);
    ::kill(machine.workers.find(job)->process_id(), SIGKILL);
    const auto failed = co_await machine.listener.wait_for(proto::FAILED);
    CHECK(failed.ok());
    CHECK(machine.workers.counters().empty());
    CHECK(machine.workers.resident_bytes() == 0);
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: a connection that came before the worker ran reaches its slot") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    auto pair = stream_socket_pair();
    TaskScope scope(control.executor(), "test");
    std::string message = "unset";
    scope.start("deploy", deploy_in_background(machine, machine.request(job, Script{{"test.task", "run"}}), message));
    const auto found = co_await machine.workers.wait_for(job, in_time());
    CHECK(found.ok());
    const DataHello hello{.job = job, .slot = 3};
    auto giving = machine.workers.find(job)->give_connection(encode_data_hello(hello), std::move(pair->second));
    const auto given = co_await std::move(giving);
    CHECK(given.ok());
    char text[16] = {};
    while (::recv(pair->first.get(), text, sizeof(text), MSG_DONTWAIT) <= 0) {
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(std::string(text) == "slot 3\n");
    co_await scope.wait_until_empty();  // the deployment's answer comes on another way than the connection
    CHECK(message == "");
    co_await scope.close();
    co_await machine.close();
  });
}

TEST_CASE("worker_handle: ended while it starts, the deployment fails and nothing is left") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    TaskScope scope(control.executor(), "test");
    std::string message;
    scope.start("deploy", deploy_in_background(machine, machine.request(job, Script{{"test.start", "hang"}}), message));
    while (machine.workers.find(job) == nullptr || machine.workers.find(job)->process_id() < 0) {
      co_await machine.clock.sleep_for(std::chrono::milliseconds(1));
    }
    machine.workers.end(job);
    CHECK(machine.workers.find(job) == nullptr);
    co_await machine.close();
    co_await scope.wait_until_empty();
    CHECK(message != "");
    CHECK(machine.listener.statuses.empty());
    co_await scope.close();
  });
}

TEST_CASE("worker_handle: cancelled before it was started, a task is reported and never runs") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Machine machine(control);
    const JobId job = JobId::random();
    const auto request = machine.request(job, Script{{"test.task", "run"}});
    TaskScope scope(control.executor(), "test");
    std::string message = "unset";
    scope.start("deploy", deploy_in_background(machine, request, message));
    const auto found = co_await machine.workers.wait_for(job, in_time());
    CHECK(found.ok());
    machine.workers.find(job)->cancel({execution_of(request)});
    co_await scope.wait_until_empty();
    CHECK(message == "");
    CHECK(machine.listener.states() == std::vector{proto::CANCELED});
    co_await scope.close();
    co_await machine.close();
  });
}

// The whole TaskManager as a process, with workers as processes, against a JobManager that the test plays.
#include "taskmanager/control/daemon.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "taskmanager/exchange/data_hello.h"
#include "taskmanager/jobs/child_process.h"
#include "tests/support/deployments.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/taskmanager/control/fake_job_manager.h"

using namespace weir;
using namespace weir::taskmanager;
using weir::testing::run_coroutine;
using Script = std::map<std::string, std::string>;

namespace {

SteadyTime in_time() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Scene {
  explicit Scene(ControlThread& thread, std::vector<std::string> extra = {})
      : control(thread), manager(std::in_place, thread) {
    key = manager->add_blob("a library");
    start(std::move(extra));
  }
  void start(const std::vector<std::string>& extra) {
    const std::string secret = directory.string() + "/secret";
    std::ofstream(secret) << kTestSecret;
    std::filesystem::permissions(secret, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::vector<std::string> arguments{"taskmanager", "--log-file", directory.string() + "/tm.log"};
    std::vector<std::string> settings{"jobmanager.rpc.port=" + std::to_string(manager->port),
                                      "jobmanager.rpc.address=127.0.0.1",
                                      "security.rpc.secret-file=" + secret,
                                      "taskmanager.numberOfTaskSlots=2",
                                      "io.tmp.dirs=" + directory.string() + "/tmp",
                                      "heartbeat.interval=20ms",
                                      "taskmanager.memory.process.size=8g"};
    settings.insert(settings.end(), extra.begin(), extra.end());
    for (const auto& setting : settings) arguments.insert(arguments.end(), {"-D", setting});
    ProcessSpec spec;
    spec.executable = SCRIPTED_TASKMANAGER;
    spec.arguments = arguments;
    auto started = ChildProcess::start(control.executor(), spec);
    REQUIRE(started.ok());
    daemon.emplace(std::move(started).value());
  }
  Async<void> registered() {
    auto ready = [this] { return !manager->registrations.empty(); };
    auto waiting = manager->until(ready);
    co_await std::move(waiting);
  }
  /// Ends the daemon and gives its exit.
  Async<ExitStatus> end(int signal) {
    ::kill(daemon->pid(), signal);
    auto waiting = daemon->wait();
    const auto exit = co_await std::move(waiting);
    co_await manager->close();
    co_return *exit;
  }
  proto::DeployRequest request(const JobId& job, const Script& script,
                               const std::vector<std::uint32_t>& slots = {0}) const {
    proto::DeployRequest request;
    request.set_job(job.to_bytes());
    request.mutable_artefact()->set_blob_key(key);
    request.mutable_artefact()->set_bytes(manager->blobs.at(key).size());
    request.mutable_configuration()->insert(script.begin(), script.end());
    request.set_secret(std::string(32, 's'));
    request.set_blob_address("127.0.0.1:" + std::to_string(manager->port));
    testing::add_tasks(request, slots);
    return request;
  }
  /// Process ids of the workers.
  std::vector<pid_t> workers() const {
    std::ifstream file("/proc/" + std::to_string(daemon->pid()) + "/task/" + std::to_string(daemon->pid()) +
                       "/children");
    std::vector<pid_t> all;
    for (pid_t pid = 0; file >> pid;) all.push_back(pid);
    return all;
  }
  std::string log() const { return test::read_text(directory.path() / "tm.log"); }

  ControlThread& control;
  SystemClock clock;
  test::TemporaryDirectory directory;
  std::optional<FakeJobManager> manager;
  std::optional<ChildProcess> daemon;
  std::string key;
};

// What went wrong; empty when nothing did.
Async<std::string> deploy(Scene& scene, proto::DeployRequest request) {
  auto gateway = scene.manager->task_manager();
  const auto task_manager = co_await std::move(gateway);
  if (!task_manager.ok()) co_return task_manager.error().message;
  auto call = (*task_manager)->deploy(std::move(request), in_time());
  const auto reply = co_await std::move(call);
  if (!reply.ok()) co_return reply.error().message;
  co_return reply->refusal().message();
}

Async<void> end_job(Scene& scene, const JobId& job, plan::Generation generation = {}) {
  auto gateway = scene.manager->task_manager();
  const auto task_manager = co_await std::move(gateway);
  proto::EndJobRequest request;
  request.set_job(job.to_bytes());
  plan::encode_generation(generation, *request.mutable_generation());
  auto call = (*task_manager)->end_job(std::move(request), in_time());
  const auto reply = co_await std::move(call);
  CHECK(reply.ok());
}

Async<Result<proto::ReadLogReply>> read_log(Scene& scene, proto::LogKind kind, std::string name) {
  auto gateway = scene.manager->task_manager();
  const auto task_manager = co_await std::move(gateway);
  proto::ReadLogRequest request;
  request.set_kind(kind);
  request.set_name(name);
  request.set_bytes_max(1 << 20);
  auto call = (*task_manager)->read_log(std::move(request), in_time());
  co_return co_await std::move(call);
}

bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  return !text.empty() && !contains(text, ") Z ");
}

UniqueFd dial(std::uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return socket;
}

// What comes out of a socket until its end.
Async<std::string> read_to_end(Scene& scene, int socket) {
  std::string text;
  for (;;) {
    char room[64];
    const auto size = ::recv(socket, room, sizeof(room), MSG_DONTWAIT);
    if (size > 0) text.append(room, static_cast<std::size_t>(size));
    if (size == 0 || (size < 0 && errno == ECONNRESET)) co_return text;
    if (size < 0) co_await scene.clock.sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

TEST_CASE("daemon: registers with what it has, sends heartbeats, and SIGTERM ends it and its workers in order") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const auto& who = scene.manager->registrations.at(0);
    CHECK(who.slots() == 2);
    CHECK(who.host() == "127.0.0.1");
    CHECK(who.rpc_port() > 0);
    CHECK(who.data_port() > 0);
    CHECK(who.memory().process() == 8ULL << 30);
    CHECK(who.incarnation().size() == 16);
    auto request = scene.request(JobId::random(), Script{{"test.task", "run"}});
    const auto message = co_await deploy(scene, std::move(request));
    CHECK(*message == "");
    auto measured = [&] {
      return !scene.manager->heartbeats.empty() && scene.manager->heartbeats.back().counters_size() == 1;
    };
    auto waiting = scene.manager->until(measured);
    co_await std::move(waiting);
    CHECK(scene.manager->heartbeats.back().resident_bytes() > 1'000'000);
    const auto workers = scene.workers();
    CHECK(workers.size() == 1);
    const auto exit = co_await scene.end(SIGTERM);
    CHECK_FALSE(exit->by_signal);
    CHECK(exit->number == 0);
    CHECK_FALSE(is_alive(workers.at(0)));
    CHECK(std::filesystem::is_empty(scene.directory.path() / "tmp"));
    CHECK(contains(scene.log(), "has ended"));
  });
}

TEST_CASE("daemon: killed, it takes its workers with it, and its successor clears what it left") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    auto request = scene.request(JobId::random(), Script{{"test.start", "hang"}});
    TaskScope scope(control.executor(), "test");
    auto deploying = [](Scene& s, proto::DeployRequest r) -> Async<void> { co_await deploy(s, std::move(r)); };
    scope.start("deploy", deploying(scene, std::move(request)));
    while (scene.workers().empty()) co_await scene.clock.sleep_for(std::chrono::milliseconds(2));
    const pid_t worker = scene.workers().at(0);  // busy in user code: only the kernel can end it
    ::kill(scene.daemon->pid(), SIGKILL);
    auto ending = scene.daemon->wait();
    const auto killed = co_await std::move(ending);
    CHECK(killed->by_signal);
    while (is_alive(worker)) co_await scene.clock.sleep_for(std::chrono::milliseconds(2));
    co_await scope.close();
    CHECK_FALSE(std::filesystem::is_empty(scene.directory.path() / "tmp"));
    scene.manager->registrations.clear();
    scene.start({});
    co_await scene.registered();
    const auto exit = co_await scene.end(SIGTERM);
    CHECK(exit->number == 0);
    CHECK(std::filesystem::is_empty(scene.directory.path() / "tmp"));
  });
}

TEST_CASE("daemon: a crash of one job's worker is reported with its stack, and the other job does not notice") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    auto calm = scene.request(JobId::random(), Script{{"test.task", "run"}}, {0});
    const auto first = co_await deploy(scene, std::move(calm));
    CHECK(*first == "");
    const pid_t survivor = scene.workers().at(0);
    auto wild = scene.request(JobId::random(), Script{{"test.task", "segv"}}, {1});
    const auto second = co_await deploy(scene, std::move(wild));
    CHECK(*second == "");  // its tasks were taken, and are reported to their end
    const auto failed = co_await scene.manager->wait_for(proto::FAILED);
    CHECK(failed->failure().exception() == "worker killed by signal 11 (SIGSEGV)");
    CHECK(contains(failed->failure().stack_trace(), "write_to_nowhere(int*) ("));
    CHECK(is_alive(survivor));
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: a slot that is taken, a slot that is not there and a request without sense are refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    auto good = scene.request(job, Script{{"test.task", "run"}}, {0});
    const auto first = co_await deploy(scene, good);
    CHECK(*first == "");
    auto taken = scene.request(JobId::random(), Script{}, {0});
    const auto second = co_await deploy(scene, std::move(taken));
    CHECK(contains(*second, "taken by another job"));
    auto missing = scene.request(JobId::random(), Script{}, {2});
    const auto third = co_await deploy(scene, std::move(missing));
    CHECK(contains(*third, "no such slot"));
    std::vector<proto::DeployRequest> wrong(5, scene.request(JobId::random(), Script{}, {1}));
    wrong[0].set_job("short");
    wrong[1].set_job(std::string(16, '\0'));
    wrong[2].clear_tasks();
    wrong[3].set_secret("short");
    wrong[4].mutable_table()->mutable_vertices(0)->set_executions("short");
    for (auto& request : wrong) {
      const auto message = co_await deploy(scene, std::move(request));
      CHECK(*message != "");
    }
    co_await end_job(scene, job);
    auto again = scene.request(JobId::random(), Script{{"test.task", "run"}}, {0, 1});
    const auto last = co_await deploy(scene, std::move(again));
    CHECK(*last == "");
    co_await end_job(scene, JobId::random());
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: an order to end a job names a generation, and is confirmed when the worker has ended") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    auto request = scene.request(job, Script{{"test.task", "run"}});
    plan::encode_generation({2, 1}, *request.mutable_generation());
    const auto deployed = co_await deploy(scene, std::move(request));
    CHECK(*deployed == "");
    const pid_t worker = scene.workers().at(0);
    co_await end_job(scene, job, {1, 9});  // a late one, of the leader before
    CHECK(is_alive(worker));
    co_await end_job(scene, job, {2, 1});
    CHECK(!is_alive(worker));
    auto next = scene.request(JobId::random(), Script{{"test.task", "run"}}, {0, 1});
    const auto free_again = co_await deploy(scene, std::move(next));
    CHECK(*free_again == "");
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: an order to stop is answered with the executions that do not exist here") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    const auto request = scene.request(job, Script{{"test.task", "run"}});
    const auto deployed = co_await deploy(scene, request);
    CHECK(*deployed == "");
    auto gateway = scene.manager->task_manager();
    const auto task_manager = co_await std::move(gateway);
    const std::string stranger = ExecutionId::random().to_bytes();
    for (const JobId& asked : {job, JobId::random()}) {
      proto::CancelTasksRequest cancel;
      cancel.set_job(asked.to_bytes());
      cancel.add_executions(testing::execution_of(request).to_bytes());
      cancel.add_executions(stranger);
      auto call = (*task_manager)->cancel_tasks(std::move(cancel), in_time());
      const auto reply = co_await std::move(call);
      CHECK(reply.ok());
      CHECK(reply->unknown_size() == (asked == job ? 1 : 2));
      CHECK(reply->unknown(reply->unknown_size() - 1) == stranger);
    }
    const auto canceled = co_await scene.manager->wait_for(proto::CANCELED);
    CHECK(canceled.ok());
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: a deployment of new tasks that is refused leaves the slots of those that run") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    auto running = scene.request(job, Script{{"test.task", "run"}}, {0});
    const auto first = co_await deploy(scene, std::move(running));
    CHECK(*first == "");
    auto other_graph = scene.request(job, Script{}, {1});
    other_graph.mutable_graph()->set_job_name("another");
    const auto refused = co_await deploy(scene, std::move(other_graph));
    CHECK(contains(*refused, "another graph"));
    // Slot 1 is free again, slot 0 is not.
    auto next = scene.request(JobId::random(), Script{{"test.task", "run"}}, {1});
    const auto free_again = co_await deploy(scene, std::move(next));
    CHECK(*free_again == "");
    auto taken = scene.request(JobId::random(), Script{}, {0});
    const auto in_use = co_await deploy(scene, std::move(taken));
    CHECK(contains(*in_use, "taken by another job"));
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: a deployment that fails leaves the slots free") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    auto unknown = scene.request(JobId::random(), Script{}, {0, 1});
    unknown.mutable_artefact()->set_blob_key(std::string(64, 'a'));
    const auto first = co_await deploy(scene, std::move(unknown));
    CHECK(contains(*first, "no such blob"));
    auto broken = scene.request(JobId::random(), Script{{"test.start", "fail"}}, {0, 1});
    const auto second = co_await deploy(scene, std::move(broken));
    CHECK(*second == "the library does not fit");
    auto good = scene.request(JobId::random(), Script{{"test.task", "run"}}, {0, 1});
    const auto third = co_await deploy(scene, std::move(good));
    CHECK(*third == "");
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: statuses are sent again until they are answered") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    scene.manager->statuses_to_lose = 3;
    auto request = scene.request(JobId::random(), Script{{"test.task", "finish"}});
    const auto message = co_await deploy(scene, std::move(request));
    CHECK(*message == "");
    const auto finished = co_await scene.manager->wait_for(proto::FINISHED);
    CHECK(finished.ok());
    CHECK(scene.manager->statuses.size() == 3);
    CHECK(scene.manager->statuses.at(0).status() == proto::INITIALIZING);
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: a JobManager that restarted gets a registration and ends what it does not know") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    auto request = scene.request(job, Script{{"test.task", "run"}});
    const auto message = co_await deploy(scene, std::move(request));
    CHECK(*message == "");
    const pid_t worker = scene.workers().at(0);
    const std::uint16_t port = scene.manager->port;
    const auto incarnation = scene.manager->registrations.at(0).incarnation();
    co_await scene.manager->close();
    scene.manager.reset();
    CHECK(is_alive(worker));
    scene.manager.emplace(control, port);
    scene.manager->end_workers.emplace_back().set_job(job.to_bytes());
    co_await scene.registered();
    CHECK(scene.manager->registrations.at(0).workers_size() == 1);
    CHECK(scene.manager->registrations.at(0).incarnation() == incarnation);
    while (is_alive(worker)) co_await scene.clock.sleep_for(std::chrono::milliseconds(2));
    CHECK(scene.manager->statuses.empty());
    scene.key = scene.manager->add_blob("a library");
    auto next = scene.request(JobId::random(), Script{{"test.task", "run"}}, {0, 1});
    const auto last = co_await deploy(scene, std::move(next));
    CHECK(*last == "");
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: what waits to be said about a job is not said to a JobManager that does not know it") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    scene.manager->statuses_to_lose = 1'000'000;
    const JobId forgotten = JobId::random();
    auto request = scene.request(forgotten, Script{{"test.task", "finish"}});
    const auto message = co_await deploy(scene, std::move(request));
    CHECK(*message == "");
    auto some_lost = [&scene] { return scene.manager->statuses_to_lose < 1'000'000; };
    auto waiting = scene.manager->until(some_lost);
    co_await std::move(waiting);
    const std::uint16_t port = scene.manager->port;
    co_await scene.manager->close();
    scene.manager.reset();
    scene.manager.emplace(control, port);
    scene.manager->end_workers.emplace_back().set_job(forgotten.to_bytes());
    co_await scene.registered();
    scene.manager->end_workers.clear();
    scene.key = scene.manager->add_blob("a library");
    auto next = scene.request(JobId::random(), Script{{"test.task", "finish"}}, {0, 1});
    const auto last = co_await deploy(scene, std::move(next));
    CHECK(*last == "");
    // Statuses go in order: with the second job's, the first one's would have come.
    const auto finished = co_await scene.manager->wait_for(proto::FINISHED);
    CHECK(finished.ok());
    CHECK(scene.manager->status_jobs.count(forgotten.to_bytes()) == 0);
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: registers again when the JobManager does not know it, and when heartbeats are not answered") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.manager->heartbeat_timeout_ms = 100;
    co_await scene.registered();
    scene.manager->next_known = false;
    auto twice = [&] { return scene.manager->registrations.size() == 2; };
    auto second = scene.manager->until(twice);
    co_await std::move(second);
    scene.manager->is_hanging = true;
    auto three = [&] { return scene.manager->registrations.size() >= 3; };
    auto third = scene.manager->until(three);
    co_await std::move(third);
    scene.manager->is_hanging = false;
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: a process that knows the secret and is not the followed JobManager commands nothing, in any epoch") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    auto request = scene.request(job, Script{{"test.task", "run"}});
    const auto deployed = co_await deploy(scene, std::move(request));
    CHECK(*deployed == "");
    // Another JobManager, as a restarted one, or one that lost its leadership, would call.
    FakeJobManager other(control);
    other.registrations = scene.manager->registrations;
    const std::array<std::uint64_t, 3> epochs{0, 1, ~std::uint64_t{0}};
    for (const std::uint64_t epoch : epochs) {
      other.lead_in(epoch);
      auto gateway = other.task_manager();
      const auto task_manager = co_await std::move(gateway);
      REQUIRE(task_manager.ok());
      proto::EndJobRequest order;
      order.set_job(job.to_bytes());
      const auto refused = co_await (*task_manager)->end_job(std::move(order), in_time());
      CHECK(refused.error().code == ErrorCode::fenced);
    }
    CHECK(scene.workers().size() == 1);
    co_await end_job(scene, job);  // the followed one is obeyed as before
    co_await other.close();
    const auto exit = co_await scene.end(SIGTERM);
    CHECK(exit->number == 0);
  });
}

TEST_CASE("daemon: a JobManager that leads in an earlier epoch than the one obeyed is not registered at") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.manager->lead_in(5);
    co_await scene.registered();
    auto has_beaten = [&scene] { return !scene.manager->heartbeats.empty(); };
    auto beating = scene.manager->until(has_beaten);
    co_await std::move(beating);
    const std::uint16_t port = scene.manager->port;
    co_await scene.manager->close();
    scene.manager.reset();
    scene.manager.emplace(control, port);
    scene.manager->lead_in(3);
    auto has_tried_twice = [&scene] { return scene.manager->registrations.size() > 1; };
    auto trying = scene.manager->until(has_tried_twice);
    co_await std::move(trying);
    CHECK(scene.manager->heartbeats.empty());
    CHECK(contains(scene.log(), "leads in epoch 3, and this TaskManager has obeyed epoch 5"));
    scene.manager->lead_in(6);
    auto beating_again = scene.manager->until(has_beaten);
    co_await std::move(beating_again);
    const auto exit = co_await scene.end(SIGTERM);
    CHECK(exit->number == 0);
  });
}

TEST_CASE("daemon: a TaskManager whose id another process has taken ends, and says so") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    scene.manager->refusal = Error::user(ErrorCode::already_exists, "the TaskManager id tm belongs to another process");
    auto waiting = scene.daemon->wait();
    const auto exit = co_await std::move(waiting);
    CHECK(exit->number == 1);
    CHECK(contains(scene.log(), "this TaskManager ends: the TaskManager id tm belongs to another process"));
    co_await scene.manager->close();
  });
}

TEST_CASE("daemon: without a JobManager for taskmanager.registration.timeout it ends with code 1") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control, {"taskmanager.registration.timeout=300ms", "jobmanager.rpc.port=1"});
    auto waiting = scene.daemon->wait();
    const auto exit = co_await std::move(waiting);
    CHECK(exit->number == 1);
    CHECK(contains(scene.log(), "taskmanager.registration.timeout"));
    co_await scene.manager->close();
  });
}

TEST_CASE("daemon: logs and output are read by kind and by name, and nothing else is") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const auto none = co_await read_log(scene, proto::STDOUT, "");
    CHECK(none->content() == "");
    const JobId job = JobId::random();
    auto request = scene.request(job, Script{{"test.task", "print"}});
    const auto message = co_await deploy(scene, std::move(request));
    CHECK(*message == "");
    co_await end_job(scene, job);
    while (!scene.workers().empty()) co_await scene.clock.sleep_for(std::chrono::milliseconds(2));
    const auto output = co_await read_log(scene, proto::STDOUT, "");
    CHECK(contains(output->content(), "a line of user code\n"));
    const auto log = co_await read_log(scene, proto::LOG, "");
    CHECK(contains(log->content(), "is ready: RPC"));
    CHECK(contains(log->content(), "job " + job.to_hex() + ": tests/unit"));
    const auto own = co_await read_log(scene, proto::NAMED, "tm-" + job.to_hex() + "-1.out");
    CHECK(contains(own->content(), "a line of user code\n"));
    for (const std::string name : {"../tmp", "/etc/passwd", "", ".lock"}) {
      const auto refused = co_await read_log(scene, proto::NAMED, name);
      CHECK(refused.error().code == ErrorCode::not_found);
    }
    co_await scene.end(SIGTERM);
  });
}

TEST_CASE("daemon: the data port hands a hello's socket to the job's worker and closes everything else") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const JobId job = JobId::random();
    const auto port = static_cast<std::uint16_t>(scene.manager->registrations.at(0).data_port());
    // Before the job is there, byte by byte: it waits.
    const UniqueFd early = dial(port);
    const std::string hello = encode_data_hello({.job = job, .slot = 1});
    for (const char byte : hello) CHECK(::send(early.get(), &byte, 1, MSG_NOSIGNAL) == 1);
    const UniqueFd web = dial(port);
    const std::string garbage = "GET / HTTP/1.1\r\nHost: somewhere.in.the.middle.of.nowhere.example\r\n\r\n";
    CHECK(::send(web.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL) > 0);
    const auto refused = co_await read_to_end(scene, web.get());
    CHECK(*refused == "");
    auto request = scene.request(job, Script{{"test.task", "run"}}, {1});
    const auto message = co_await deploy(scene, std::move(request));
    CHECK(*message == "");
    const auto answer = co_await read_to_end(scene, early.get());
    CHECK(*answer == "slot 1\n");
    // A slot that is not the job's.
    const UniqueFd other = dial(port);
    const std::string wrong = encode_data_hello({.job = job, .slot = 0});
    CHECK(::send(other.get(), wrong.data(), wrong.size(), MSG_NOSIGNAL) == 64);
    const auto closed = co_await read_to_end(scene, other.get());
    CHECK(*closed == "");
    co_await scene.end(SIGTERM);
    const std::string log = scene.log();
    CHECK(contains(log, "a data connection from 127.0.0.1 was closed: this is no data connection of Weir"));
    CHECK_FALSE(contains(log, "no such slot here"));  // said once per address
  });
}

TEST_CASE("daemon: ports in use, a wrong directory and a wrong setting end the start with one sentence") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Scene scene(control);
    co_await scene.registered();
    const auto port = std::to_string(scene.manager->registrations.at(0).rpc_port());
    auto ending = scene.end(SIGTERM);
    const std::vector<std::string> wrong{"taskmanager.data.port=" + port,   "io.tmp.dirs=/proc/nowhere",
                                         "taskmanager.numberOfTaskSlots=x", "taskmanager.numberOfTaskSlotz=1",
                                         "taskmanager.bind-host=0.0.0.0",   "taskmanager.memory.process.size=10m"};
    for (const auto& setting : wrong) {
      scene.directory.write("err", "");
      const UniqueFd err(::open((scene.directory.string() + "/err").c_str(), O_WRONLY | O_CLOEXEC));
      ProcessSpec spec;
      spec.executable = SCRIPTED_TASKMANAGER;
      spec.arguments.assign({"taskmanager", "--log-file", scene.directory.string() + "/other.log", "-D", setting});
      spec.standard_error = err.get();
      auto child = ChildProcess::start(control.executor(), spec);
      auto waiting = child->wait();
      const auto exit = co_await std::move(waiting);
      CAPTURE(setting);
      CHECK_FALSE(exit->by_signal);
      CHECK(exit->number == 1);
      const std::string text = test::read_text(scene.directory.path() / "err");
      CAPTURE(text);
      CHECK(text.starts_with("taskmanager: "));
      CHECK(std::ranges::count(text, '\n') == 1);
    }
    co_await std::move(ending);
  });
}

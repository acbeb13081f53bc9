// Verbs against a server that answers as a JobManager does.
#include "cli/commands.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "cli/jobs.h"
#include "common/http/http_server.h"

using namespace weir;
using namespace weir::cli;

namespace {

const std::string kJob = "66b3f83b6f33a2f7649e460badd32e62";

http::Response json(unsigned status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "application/json; charset=UTF-8";
  response.body = std::move(body);
  return response;
}

/// Answers each "METHOD path" with the next of its prepared answers, the last one again and again; writes down what was
/// asked.
class FakeJobManager : public http::Handler {
 public:
  FakeJobManager() {
    server_ = http::HttpServer::start(http::ServerOptions(), *this).value();
    answers["POST /v1/jars/upload"] = {json(200, R"({"filename":"/tmp/x/uuid_job.so","status":"success"})")};
    answers["POST /v1/jars/uuid_job.so/run"] = {json(200, R"({"jobid":")" + kJob + "\"}")};
    answers["DELETE /v1/jars/uuid_job.so"] = {json(200, "{}")};
    answers["GET /v1/jobs/" + kJob + "/accumulators"] = {
        json(200, R"({"user-task-accumulators":[{"name":"parse.broken","type":"LongCounter","value":"7"}]})")};
  }
  http::BodyRule body_rule(const http::Request& request) override {
    http::BodyRule rule;
    if (request.target == "/v1/jars/upload") rule.kind = http::BodyRule::Kind::form;
    return rule;
  }
  void handle(http::Request request, http::Responder responder) override {
    std::lock_guard lock(mutex_);
    std::string line = request.method + " " + request.target;
    asked.push_back(line);
    bodies[line] = request.body;
    auto found = answers.find(line);
    if (found == answers.end()) return responder.answer(http::error_response(404, {"Not found: " + request.target}));
    http::Response response = found->second.front();
    if (found->second.size() > 1) found->second.erase(found->second.begin());
    if (on_ask) on_ask(line);
    if (line == held) return kept_.push_back(std::move(responder));
    responder.answer(std::move(response));
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  bool was_asked(const std::string& line) const { return std::find(asked.begin(), asked.end(), line) != asked.end(); }

  std::map<std::string, std::vector<http::Response>> answers;
  std::vector<std::string> asked;
  std::map<std::string, std::string> bodies;
  std::function<void(const std::string&)> on_ask;
  std::string held;  ///< what is not answered

 private:
  std::mutex mutex_;
  std::vector<http::Responder> kept_;
  std::unique_ptr<http::HttpServer> server_;
};

class Output {
 public:
  Output() : file_(std::tmpfile()) { REQUIRE(file_ != nullptr); }
  ~Output() { std::fclose(file_); }
  std::FILE* file() { return file_; }
  std::string text() {
    std::fflush(file_);
    std::rewind(file_);
    std::string text(100'000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  std::FILE* file_;
};

struct Outcome {
  int exit_code;
  std::string out;
  std::string err;
};

Outcome type(std::vector<std::string> words) {
  Output out;
  Output err;
  Console console(out.file(), err.file());
  int code = execute("/no/such/bin/weir", words, {}, console);
  return Outcome{code, out.text(), err.text()};
}

class Library {
 public:
  Library() {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-cli-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    std::ofstream(path()) << "not really a library";
  }
  ~Library() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/job.so"; }

 private:
  std::string folder_;
};

}  // namespace

TEST_CASE("weir run -d: uploads, starts, says the id, and takes the upload away") {
  FakeJobManager manager;
  Library library;
  Outcome outcome = type({"run", "-m", manager.address(), "-d", "-c", "slow", "-p", "2", "-Dpipeline.name=x",
                          "-Drest.port=1", library.path(), "--input", "file:/a b"});
  CHECK(outcome.err == "");
  CHECK(outcome.out == "Job has been submitted with JobID " + kJob + "\n");
  CHECK(outcome.exit_code == 0);
  CHECK(manager.asked == std::vector<std::string>{"POST /v1/jars/upload", "POST /v1/jars/uuid_job.so/run",
                                                  "DELETE /v1/jars/uuid_job.so"});
  CHECK(manager.bodies["POST /v1/jars/uuid_job.so/run"] ==
        R"({"entryClass":"slow","programArgsList":["--input","file:/a b"],"parallelism":2,)"
        R"("flinkConfiguration":{"pipeline.name":"x"}})");
}

TEST_CASE("weir run: waits for the end and prints Flink's lines") {
  FakeJobManager manager;
  Library library;
  manager.answers["GET /v1/jobs/" + kJob + "/execution-result"] = {
      json(200, R"({"status":{"id":"IN_PROGRESS"}})"), json(503, R"({"errors":["a moment"]})"),
      json(200, R"({"status":{"id":"COMPLETED"},"job-execution-result":{"id":"x","application-status":"SUCCEEDED",)"
                R"("accumulator-results":{},"net-runtime":3432}})")};
  Outcome outcome = type({"run", "-m", manager.address(), "-Drest.retry.delay=10 ms", library.path()});
  CHECK(outcome.out == "Job has been submitted with JobID " + kJob + "\nProgram execution finished\nJob with JobID " +
                           kJob + " has finished.\nJob Runtime: 3432 ms\nAccumulator Results: \n- parse.broken: 7\n");
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("weir run: a job that fails or is canceled gives exit code 1 and says why") {
  FakeJobManager manager;
  Library library;
  auto ended = [&](const std::string& status, const std::string& more) {
    manager.answers["GET /v1/jobs/" + kJob + "/execution-result"] = {
        json(200, R"({"status":{"id":"COMPLETED"},"job-execution-result":{"id":"x","application-status":")" + status +
                      R"(","net-runtime":1)" + more + "}}")};
    return type({"run", "-m", manager.address(), library.path()});
  };
  Outcome failed =
      ended("FAILED", R"(,"failure-cause":{"class":"std::runtime_error","stack-trace":"std::runtime_error: boom",)"
                      R"("serialized-throwable":""})");
  CHECK(failed.exit_code == 1);
  CHECK(failed.err == "weir: job " + kJob + " failed: std::runtime_error: boom\n");
  Outcome canceled = ended("CANCELED", "");
  CHECK(canceled.exit_code == 1);
  CHECK(canceled.err == "weir: job " + kJob + " was canceled\n");
}

TEST_CASE("weir run: an interrupt leaves the job running and says how to end it") {
  FakeJobManager manager;
  Library library;
  const std::string result = "GET /v1/jobs/" + kJob + "/execution-result";
  manager.answers[result] = {json(200, R"({"status":{"id":"IN_PROGRESS"}})")};
  manager.answers["PATCH /v1/jobs/" + kJob + "?mode=cancel"] = {json(202, "{}")};
  // Only the thread that waits has blocked the signal's default action; it is told, as a terminal would tell the
  // process.
  pthread_t waiting = ::pthread_self();
  manager.on_ask = [&](const std::string& line) {
    if (line == result) ::pthread_kill(waiting, SIGINT);
  };
  Outcome outcome = type({"run", "-m", manager.address(), library.path()});
  CHECK(outcome.exit_code == 130);
  CHECK(outcome.err.find("The job goes on. To end it: weir cancel -m " + manager.address() + " " + kJob) !=
        std::string::npos);
  CHECK_FALSE(manager.was_asked("PATCH /v1/jobs/" + kJob + "?mode=cancel"));

  Outcome cancelling = type({"run", "-sae", "-m", manager.address(), library.path()});
  CHECK(cancelling.exit_code == 130);
  CHECK(manager.was_asked("PATCH /v1/jobs/" + kJob + "?mode=cancel"));
}

TEST_CASE(
    "weir run: an interrupt while the job is submitted takes the upload away and says what may have become of the "
    "job") {
  FakeJobManager manager;
  Library library;
  pthread_t waiting = ::pthread_self();
  manager.held = "POST /v1/jars/uuid_job.so/run";
  manager.on_ask = [&](const std::string& line) {
    if (line == manager.held) ::pthread_kill(waiting, SIGINT);
  };
  Outcome outcome = type({"run", "-d", "-m", manager.address(), library.path()});
  CHECK(outcome.exit_code == 130);
  CHECK(outcome.err == "weir: interrupted while the job was planned; it may start all the same: weir list -m " +
                           manager.address() + " shows it\n");
  CHECK(manager.was_asked("DELETE /v1/jars/uuid_job.so"));

  manager.held = "POST /v1/jars/upload";
  outcome = type({"run", "-m", manager.address(), library.path()});
  CHECK(outcome.exit_code == 130);
  CHECK(outcome.err == "weir: interrupted during the upload: no job was started\n");
}

TEST_CASE("weir: output that cannot be written is no success") {
  FakeJobManager manager;
  manager.answers["GET /v1/jobs/overview"] = {json(200, R"({"jobs":[]})")};
  std::FILE* full = std::fopen("/dev/full", "w");
  REQUIRE(full != nullptr);
  Output err;
  Console console(full, err.file());
  CHECK(execute("/no/such/bin/weir", {"list", "-m", manager.address()}, {}, console) == 1);
  CHECK(err.text() == "weir: cannot write to standard output: No space left on device\n");
  std::fclose(full);
}

TEST_CASE("weir: without a port, the way to name one") {
  CHECK(type({"list", "-Drest.port=0"}).err ==
        "weir: the JobManager's port is not known here, as rest.port is 0: write -m HOST:PORT\n");
  CHECK(type({"list", "-m", "localhost", "-Drest.port=0"}).exit_code == 1);
}

TEST_CASE("weir run: what is wrong before anything is sent") {
  FakeJobManager manager;
  Library library;
  Outcome missing = type({"run", "-m", manager.address(), "/no/such.so"});
  CHECK(missing.exit_code == 1);
  CHECK(missing.err == "weir: the job library does not exist: /no/such.so\n");
  CHECK(type({"run", "-m", manager.address(), "/tmp"}).err.find("is not a file") != std::string::npos);
  CHECK(type({"run", "-m", manager.address(), library.path(), "--input", "file:x"}).err.find("relative path") !=
        std::string::npos);
  CHECK(type({"run", "-m", "host:x", library.path()}).err.find("the port is not a number") != std::string::npos);
  std::ofstream(library.path(), std::ios::trunc);
  CHECK(type({"run", "-m", manager.address(), library.path()}).err.find("is empty") != std::string::npos);
  CHECK(manager.asked.empty());
}

TEST_CASE("weir run: the JobManager's refusal is shown in its words, and the upload goes away") {
  FakeJobManager manager;
  Library library;
  manager.answers["POST /v1/jars/uuid_job.so/run"] = {
      json(500, R"({"errors":["Internal server error.","no job named x: it has y"]})")};
  Outcome outcome = type({"run", "-m", manager.address(), library.path()});
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.err == "weir: no job named x: it has y\n");
  CHECK(manager.was_asked("DELETE /v1/jars/uuid_job.so"));
}

TEST_CASE("weir: a JobManager that is not there is named, with the way out") {
  Outcome outcome = type({"list", "-m", "127.0.0.1:1"});
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.out == "Waiting for response...\n");
  CHECK(outcome.err.find("cannot connect to 127.0.0.1:1: Connection refused. Is the JobManager running there?") !=
        std::string::npos);
}

TEST_CASE("weir list: blocks as Flink prints them") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  std::vector<JobLine> jobs = {{"b", "late", "RUNNING", 1795420835511},
                               {"a", "early", "RUNNING", 1795420000000},
                               {"c", "waits", "CREATED", 1795420835511},
                               {"d", "done", "FINISHED", 1795420835511},
                               {"e", "again", "RESTARTING", 1795420835511}};
  ListVerb all;
  all.all = true;
  CHECK(list_lines(all, jobs) == std::vector<std::string>{
                                     "------------------ Running/Restarting Jobs -------------------",
                                     "23.11.2026 08:00:35 : e : again (RESTARTING)",
                                     "23.11.2026 07:46:40 : a : early (RUNNING)",
                                     "23.11.2026 08:00:35 : b : late (RUNNING)",
                                     "--------------------------------------------------------------",
                                     "----------------------- Scheduled Jobs -----------------------",
                                     "23.11.2026 08:00:35 : c : waits (CREATED)",
                                     "--------------------------------------------------------------",
                                     "---------------------- Terminated Jobs -----------------------",
                                     "23.11.2026 08:00:35 : d : done (FINISHED)",
                                     "--------------------------------------------------------------",
                                 });
  CHECK(list_lines(ListVerb(), {}) == std::vector<std::string>{"No running jobs.", "No scheduled jobs."});
  ListVerb running;
  running.running = true;
  CHECK(list_lines(running, {}) == std::vector<std::string>{"No running jobs."});
}

TEST_CASE("weir cancel: Flink's two lines, and the JobManager's words where it cannot") {
  FakeJobManager manager;
  const std::string line = "PATCH /v1/jobs/" + kJob + "?mode=cancel";
  manager.answers[line] = {json(202, "{}"), json(404, R"({"errors":["Job could not be found."]})"),
                           json(409, R"({"errors":["the job has finished"]})")};
  Outcome done = type({"cancel", "-m", manager.address(), kJob});
  CHECK(done.out == "Cancelling job " + kJob + ".\nCancelled job " + kJob + ".\n");
  CHECK(done.exit_code == 0);
  Outcome unknown = type({"cancel", "-m", manager.address(), kJob});
  CHECK(unknown.exit_code == 1);
  CHECK(unknown.err == "weir: could not cancel job " + kJob + ": Job could not be found.\n");
  CHECK(type({"cancel", "-m", manager.address(), kJob}).err.find("the job has finished") != std::string::npos);
  CHECK(type({"cancel", "-m", manager.address(), "nonsense"}).err.find("not a job id: nonsense") != std::string::npos);
}

TEST_CASE("weir: an answer that is not the JobManager's is said to be so") {
  FakeJobManager manager;
  manager.answers["GET /v1/jobs/overview"] = {json(200, "<html>"), json(200, R"({"jobs":[{}]})"), json(500, "oops")};
  CHECK(type({"list", "-m", manager.address()}).err.find("cannot understand the JobManager's answer") !=
        std::string::npos);
  CHECK(type({"list", "-m", manager.address()}).err.find("cannot understand the JobManager's answer") !=
        std::string::npos);
  CHECK(type({"list", "-m", manager.address()}).err ==
        "weir: " + manager.address() + " answers with HTTP status 500, and not in a " +
            "JobManager's words; -m HOST:PORT names the address of its REST API\n");
}

#include "jobmanager/rest/rest_api.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>

#include "common/http/http_client.h"
#include "common/http/http_server.h"
#include "jobmanager/rest/reply.h"
#include "jobmanager/rest/run_request.h"
#include "jobmanager/rest/summary.h"
#include "tests/unit/jobmanager/rest/fake_backend.h"
#include "tests/unit/jobmanager/rest/rest_client.h"

using namespace weir::jobmanager::rest;
using namespace weir::jobmanager;
using weir::Error;
using weir::ErrorCode;
using weir::Result;
using weir::TaskStatus;
namespace json = boost::json;

namespace {

json::value value_of(const weir::http::Response& response) { return json::parse(body_of(response)); }

const std::string kJarRun = "/jars/b5f2c2f7-4360-4a8e-a3b2-0a96fe37d521_job.so/run";

RunRequest run_of(std::string_view body, std::string_view query) {
  return read_run_request("jar", body, weir::http::Query::parse(query).value()).value();
}

std::string run_error(std::string_view body, std::string_view query) {
  Result<RunRequest> request = read_run_request("jar", body, weir::http::Query::parse(query).value());
  return request.ok() ? "" : request.error().message;
}

weir::http::Request upload(const std::string& file_name, const std::string& path) {
  weir::http::Request request;
  request.method = "POST";
  request.target = "/jars/upload";
  weir::http::FormPart part;
  part.name = "jarfile";
  part.file_name = file_name;
  part.file.emplace(path);
  request.parts.push_back(std::move(part));
  return request;
}

}  // namespace

TEST_CASE("rest: config names the API's release and our own beside it") {
  FakeBackend backend;
  RestSettings settings;
  settings.weir_version = "0.1.0";
  RestApi api(backend.services(settings));
  json::value config = value_of(ask(api, "GET", "/config"));
  CHECK(config.at("flink-version").as_string() == "1.20.5");
  CHECK(config.at("weir-version").as_string() == "0.1.0");
  CHECK(config.at("features").at("web-submit").as_bool());
}

TEST_CASE("rest: a job's times and counts follow from its tasks") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  json::value job = value_of(ask(api, "GET", "/jobs/" + kRunningJob));
  CHECK(job.at("state").as_string() == "RUNNING");
  CHECK(job.at("duration").as_int64() == 6000);
  CHECK(job.at("end-time").as_int64() == -1);
  const json::value& vertex = job.at("vertices").at(0);
  CHECK(vertex.at("status").as_string() == "RUNNING");
  CHECK(vertex.at("start-time").as_int64() == kNow - 4800);
  CHECK(vertex.at("duration").as_int64() == 4800);
  CHECK(vertex.at("tasks").at("RUNNING").as_int64() == 2);
  CHECK(vertex.at("metrics").at("read-records").as_int64() == 40);
  CHECK(job.at("status-counts").at("RUNNING").as_int64() == 1);
}

TEST_CASE("rest: the engine's own counts are no accumulators") {
  FakeBackend backend;
  JobDetails job_details = *backend.known_jobs.front();
  auto with_count = std::make_shared<VertexDetails>(*job_details.vertices.front());
  with_count->subtasks.front().counters.user["Count.numRecordsIn"] = 10;
  job_details.vertices = {with_count};
  backend.known_jobs.front() = std::make_shared<const JobDetails>(job_details);
  RestApi api(backend.services(RestSettings()));
  json::value vertex = value_of(ask(api, "GET", "/jobs/" + kRunningJob + "/vertices/" + kVertex + "/accumulators"));
  json::value job = value_of(ask(api, "GET", "/jobs/" + kRunningJob + "/accumulators"));
  const json::array late = {{{"name", "Count.late"}, {"type", "LongCounter"}, {"value", "6"}}};
  CHECK(vertex.at("user-accumulators") == json::value(late));
  CHECK(job.at("user-task-accumulators") == json::value(late));
}

TEST_CASE("rest: what belongs to the client is never our mistake") {
  const Error damaged = Error::user(ErrorCode::corrupt, "the bundle is damaged");
  CHECK(error_response_of(damaged).status == 400);
  CHECK(error_response_of(Error::external(ErrorCode::corrupt, "the store is damaged")).status == 500);
}

TEST_CASE("rest: a failed job says why in its result and its exceptions") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  json::value result = value_of(ask(api, "GET", "/jobs/" + kFailedJob + "/execution-result"));
  CHECK(result.at("job-execution-result").at("application-status").as_string() == "FAILED");
  CHECK(result.at("job-execution-result").at("failure-cause").at("stack-trace").as_string() ==
        "std::runtime_error: boom\n  at job.cc:3");
  json::value exceptions = value_of(ask(api, "GET", "/jobs/" + kFailedJob + "/exceptions?maxExceptions=1"));
  CHECK(exceptions.at("root-exception").as_string() == "std::runtime_error: boom\n  at job.cc:3");
  CHECK(exceptions.at("exceptionHistory").at("entries").as_array().size() == 1);
  CHECK(exceptions.at("exceptionHistory").at("truncated").as_bool());
}

TEST_CASE("rest: PATCH, with and without a mode, and yarn-cancel all cancel") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  CHECK(ask(api, "PATCH", "/jobs/" + kRunningJob).status == 202);
  CHECK(ask(api, "PATCH", "/v1/jobs/" + kRunningJob + "?mode=CANCEL").status == 202);
  weir::http::Response last = ask(api, "GET", "/jobs/" + kRunningJob + "/yarn-cancel");
  CHECK(last.status == 202);
  CHECK(body_of(last) == "{}");
  CHECK(backend.cancelled.size() == 3);
}

TEST_CASE("rest: a run takes its body, and what the body leaves out from the query") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  weir::http::Response response =
      ask(api, "POST", kJarRun + "?entry-class=ignored&parallelism=4&programArg=x",
          R"({"entryClass":"slow","programArgsList":["--input","a b"],"flinkConfiguration":{"k":"v"},"new":1})");
  const json::value started = value_of(response);
  CHECK(started.at("jobid").as_string() == kRunningJob);
  REQUIRE(started.at("warnings").as_array().size() == 1);
  CHECK(started.at("warnings").at(0).as_string().find("\"new\"") != std::string::npos);
  CHECK(body_of(ask(api, "POST", kJarRun, R"({"entryClass":"slow"})")) ==
        R"({"jobid":"66b3f83b6f33a2f7649e460badd32e62"})");
  CHECK(ask(api, "POST", kJarRun + "?entry-class=ignored&parallelism=4&programArg=x",
            R"({"entryClass":"slow","programArgsList":["--input","a b"],"flinkConfiguration":{"k":"v"}})")
            .status == 200);
  REQUIRE(backend.ran.has_value());
  CHECK(backend.ran->entry == "slow");
  CHECK(backend.ran->arguments == std::vector<std::string>{"--input", "a b"});
  CHECK(backend.ran->parallelism == 4);
  CHECK(backend.ran->configuration.at("k") == "v");
}

TEST_CASE("rest: a run that the planner refuses is the client's fault, in the planner's words") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  backend.run_error =
      weir::Error::user(weir::ErrorCode::invalid_argument, "no job named x in job.so: it has slow_query_log");
  weir::http::Response response = ask(api, "POST", kJarRun, "{}");
  CHECK(response.status == 400);
  CHECK(body_of(response).find("it has slow_query_log") != std::string::npos);
}

TEST_CASE("rest: whoever replies to a question only hands a value over; the body is rendered on the REST thread") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  const std::string job = "/jobs/" + kRunningJob, vertex = job + "/vertices/" + kVertex;
  for (const std::string& path : {std::string("/overview"),
                                  std::string("/jobs"),
                                  std::string("/jobs/overview"),
                                  job,
                                  job + "/plan",
                                  job + "/config",
                                  job + "/exceptions",
                                  job + "/status",
                                  job + "/execution-result",
                                  job + "/accumulators",
                                  vertex,
                                  vertex + "/accumulators",
                                  vertex + "/subtasktimes",
                                  vertex + "/taskmanagers",
                                  vertex + "/subtasks/0",
                                  vertex + "/subtasks/0/attempts/0",
                                  vertex + "/metrics",
                                  vertex + "/subtasks/metrics",
                                  job + "/metrics",
                                  std::string("/jobs/metrics"),
                                  std::string("/taskmanagers"),
                                  std::string("/taskmanagers/metrics"),
                                  std::string("/jobmanager/metrics"),
                                  std::string("/jars")}) {
    CAPTURE(path);
    weir::http::Request request;
    request.method = "GET";
    request.target = path;
    std::optional<weir::http::Response> reply;
    api.handle(std::move(request),
               weir::http::Responder([&](weir::http::Response response) { reply = std::move(response); }));
    REQUIRE(reply.has_value());
    CHECK(std::holds_alternative<weir::http::RenderedBody>(reply->body));
  }
}

TEST_CASE("run request: every way to give arguments") {
  CHECK(run_of("", "").arguments.empty());
  CHECK(run_of("{}", "programArg=a,b&programArg=c").arguments == std::vector<std::string>{"a", "b", "c"});
  CHECK(run_of(R"({"programArgs":"--a 'b c' \"d\" e\"f g\" ''"})", "").arguments ==
        std::vector<std::string>{"--a", "b c", "d", "ef g", ""});
  CHECK(run_of("{}", "program-args=x+y").arguments == std::vector<std::string>{"x", "y"});
  CHECK(run_of(R"({"programArgsList":null})", "programArg=q").arguments == std::vector<std::string>{"q"});
}

TEST_CASE("run request: bad bodies are refused with the field's name") {
  CHECK(run_error("{", "").find("is not JSON") != std::string::npos);
  CHECK(run_error("[]", "").find("not a JSON object") != std::string::npos);
  CHECK(run_error(R"({"parallelism":0})", "").find("\"parallelism\"") != std::string::npos);
  CHECK(run_error(R"({"parallelism":"two"})", "").find("\"parallelism\"") != std::string::npos);
  CHECK(run_error(R"({"allowNonRestoredState":"maybe"})", "").find("\"allowNonRestoredState\"") != std::string::npos);
  CHECK(run_error(R"({"parallelism":1e9})", "").find("\"parallelism\"") != std::string::npos);
  CHECK(run_error("{}", "parallelism=x").find("(parallelism)") != std::string::npos);
  CHECK(run_error(R"({"entryClass":1})", "").find("\"entryClass\"") != std::string::npos);
  CHECK(run_error(R"({"programArgsList":"a"})", "").find("\"programArgsList\"") != std::string::npos);
  CHECK(run_error(R"({"programArgsList":[1]})", "").find("\"programArgsList\"") != std::string::npos);
  CHECK(run_error(R"({"flinkConfiguration":{"k":1}})", "").find("\"k\"") != std::string::npos);
  CHECK(run_error(R"({"jobId":"12"})", "").find("\"jobId\"") != std::string::npos);
  CHECK(run_error(R"({"savepointPath":"file:/s"})", "").find("savepoint") != std::string::npos);
  CHECK(run_error(std::string(100'000, '['), "") != "");
}

TEST_CASE("run request: numbers and flags may be texts, as Flink's dashboard sends them") {
  CHECK(run_of(R"({"parallelism":"3"})", "").parallelism == 3);
  CHECK(run_of(R"({"parallelism":" 3 "})", "").parallelism == 3);
  CHECK(run_of(R"({"parallelism":""})", "parallelism=5").parallelism == 5);
  CHECK(run_of(R"({"parallelism":null})", "").parallelism == 0);
  CHECK(run_of(R"({"allowNonRestoredState":"false","claimMode":null})", "").warnings.empty());
}

TEST_CASE("run request: a slip of a known name is refused, with the name that was meant") {
  const std::pair<const char*, const char*> bodies[] = {
      {"programArg", "programArgs"},      {"entry-class", "entryClass"}, {"program-args", "programArgs"},
      {"EntryClass", "entryClass"},       {"paralelism", "parallelism"}, {"jobid", "jobId"},
      {"savepoint_path", "savepointPath"}};
  for (const auto& [slip, meant] : bodies) {
    CAPTURE(slip);
    const std::string error = run_error(std::string("{\"") + slip + "\":\"1\"}", "");
    CHECK(error.find(std::string("\"") + slip + "\"") != std::string::npos);
    CHECK(error.find(std::string("did you mean \"") + meant + "\"") != std::string::npos);
  }
  CHECK(run_error("", "entryClass=x").find("did you mean \"entry-class\"") != std::string::npos);
  CHECK(run_error("", "programArgs=x").find("did you mean") != std::string::npos);
}

TEST_CASE("run request: what has no effect is said, and nothing else") {
  using Warnings = std::vector<std::string>;
  CHECK(run_of(R"({"entryClass":"a","parallelism":1})", "programArg=x").warnings == Warnings());
  CHECK(run_of(R"({"allowNonRestoredState":true})", "").warnings ==
        Warnings{"allowNonRestoredState has no effect without savepointPath"});
  CHECK(run_of("", "allowNonRestoredState=true").warnings.size() == 1);
  CHECK(run_of(R"({"claimMode":"CLAIM"})", "").warnings == Warnings{"claimMode has no effect without savepointPath"});
  CHECK(run_of(R"({"programArgs":"a","programArgsList":["b"]})", "").warnings.size() == 1);
  CHECK(run_of(R"({"com.example.tag":"x"})", "_=1234").warnings.size() == 2);
}

TEST_CASE("rest: an upload answers with a path that ends in the jar id") {
  FakeBackend backend;
  RestSettings settings;
  settings.upload_directory = "/tmp/uploads";
  RestApi api(backend.services(settings));
  weir::http::Response response = ask(api, upload("../dir/job.so", "/no/such/spool/file"));
  CHECK(response.status == 200);
  CHECK(body_of(response) ==
        R"({"filename":"/tmp/uploads/b5f2c2f7-4360-4a8e-a3b2-0a96fe37d521_job.so","status":"success"})");
  CHECK(backend.uploads == std::vector<std::string>{"../dir/job.so"});
}

TEST_CASE("rest: an upload under a name that is no job library is refused, and its file deleted") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  std::string path = (std::filesystem::temp_directory_path() / "weir-rest-XXXXXX").string();
  int file = ::mkstemp(path.data());
  REQUIRE(file >= 0);
  ::close(file);
  CHECK(ask(api, upload("notes.txt", path)).status == 400);
  CHECK(backend.uploads.empty());
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("rest: without web.submit there are no jars") {
  FakeBackend backend;
  RestSettings settings;
  settings.submit_enabled = false;
  RestApi api(backend.services(settings));
  for (const char* path : {"/jars", "/v1/jars"}) CHECK(ask(api, "GET", path).status == 404);
  CHECK(ask(api, "POST", kJarRun, "{}").status == 404);
}

TEST_CASE("rest: uploads go to files up to the configured size, everything else stays small") {
  FakeBackend backend;
  RestSettings settings;
  settings.upload_bytes_max = 77;
  RestApi api(backend.services(settings));
  weir::http::Request request;
  request.method = "POST";
  request.target = "/v1/jars/upload";
  CHECK(api.body_rule(request).kind == weir::http::BodyRule::Kind::form);
  CHECK(api.body_rule(request).bytes_max == 77);
  request.target = kJarRun;
  CHECK(api.body_rule(request).kind == weir::http::BodyRule::Kind::memory);
  request.target = "/jars/%";
  CHECK(api.body_rule(request).kind == weir::http::BodyRule::Kind::memory);
}

TEST_CASE("rest: a TaskManager's log comes whole over the wire, however many pieces it takes") {
  FakeBackend backend;
  std::string log;
  for (int i = 0; i < 1000; ++i) log += "line " + std::to_string(i) + "\n";
  backend.task_manager_files = {{"log", log}, {"stdout", "short"}, {"old.log", ""}};
  RestApi api(backend.services(RestSettings()));
  weir::http::ServerOptions options;
  auto server = weir::http::HttpServer::start(options, api).value();
  weir::http::Address address;
  address.host = "127.0.0.1";
  address.port = std::to_string(server->port());
  weir::http::HttpClient client(address, weir::http::ClientOptions());
  const std::string base = "/taskmanagers/localhost:33971-09627f";
  weir::http::ClientResponse response = client.send("GET", base + "/log", "").value();
  CHECK(response.body == log);
  CHECK(weir::http::find_header(response.headers, "content-type") == "text/plain");
  CHECK(client.send("GET", base + "/stdout", "").value().body == "short");
  CHECK(client.send("GET", base + "/logs/old.log", "").value().body == "");
  CHECK(client.send("GET", base + "/logs/none.log", "").value().status == 404);
  CHECK(client.send("GET", base + "/logs/..%2Flog", "").value().status == 404);
  CHECK(client.send("GET", "/taskmanagers/none/log", "").value().status == 404);
}

TEST_CASE("rest: DELETE /cluster ends the cluster") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  CHECK(ask(api, "DELETE", "/cluster").status == 200);
  CHECK(backend.ended);
}

TEST_CASE("summary: spreads are Flink's") {
  Spread two = spread_of({31, 29});
  CHECK(two.min == 29);
  CHECK(two.p25 == 29);
  CHECK(two.median == 30);
  CHECK(two.avg == 30);
  CHECK(two.p75 == 31);
  CHECK(two.p95 == 31);
  CHECK(two.sum == 60);
  Spread five = spread_of({10, 20, 30, 40, 50});
  CHECK(five.p25 == 15);
  CHECK(five.median == 30);
  CHECK(spread_of({}).max == 0);
}

TEST_CASE("summary: a task that has no slot yet has no start") {
  SubtaskDetails waiting;
  waiting.status = TaskStatus::scheduled;
  const auto at = [](int ms) { return weir::WallTime(std::chrono::milliseconds(ms)); };
  waiting.entered[0] = at(100);
  waiting.entered[1] = at(150);
  Span span = span_of(waiting, at(1000));
  CHECK(span.start == kNever);
  CHECK(span.duration == kNever);
  CHECK(status_duration(waiting, TaskStatus::created, at(1000)) == 50);
  CHECK(status_duration(waiting, TaskStatus::scheduled, at(1000)) == 850);
  CHECK(status_duration(waiting, TaskStatus::running, at(1000)) == kNever);
}

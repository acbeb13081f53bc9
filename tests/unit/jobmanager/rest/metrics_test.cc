#include "jobmanager/rest/metrics.h"

#include <doctest/doctest.h>

#include "tests/unit/jobmanager/rest/fake_backend.h"
#include "tests/unit/jobmanager/rest/rest_client.h"

using namespace weir::jobmanager::rest;

namespace {

weir::http::Query query(const std::string& text) { return weir::http::Query::parse(text).value(); }

std::string answer(const std::string& path) {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  const auto response = ask(api, "GET", path);
  return std::to_string(response.status) + " " + body_of(response);
}

const std::string kVertexPath = "/jobs/" + kRunningJob + "/vertices/" + kVertex;

std::string aggregated(const std::vector<std::string>& values, const std::string& how) {
  std::vector<Metrics> owners;
  for (const auto& value : values) owners.push_back({{"x", value}});
  return aggregated_view(owners, selection_of(query("get=x&agg=" + how)).value());
}

}  // namespace

TEST_CASE("metrics: a vertex has its tasks' by number, a subtask its own, and what is not asked for has no value") {
  CHECK(answer(kVertexPath + "/metrics?get=0.numRecordsIn,1.numRecordsIn,nothing") ==
        R"(200 [{"id":"0.numRecordsIn","value":"10"},{"id":"1.numRecordsIn","value":"30"}])");
  CHECK(answer(kVertexPath + "/subtasks/1/metrics?get=numRecordsIn,accumulateBusyTimeMs") ==
        R"(200 [{"id":"numRecordsIn","value":"30"},{"id":"accumulateBusyTimeMs","value":"700"}])");
  const std::string names = answer(kVertexPath + "/metrics");
  CHECK(names.find(R"({"id":"1.busyTimeMsPerSecond"})") != std::string::npos);
  CHECK(names.find(R"({"id":"0.Count.late"})") != std::string::npos);
  CHECK(answer(kVertexPath + "/subtasks/0/metrics?get=Count.late,Count.fill") ==
        R"(200 [{"id":"Count.late","value":"3"},{"id":"Count.fill","value":"0.25"}])");
  CHECK(names.find("value") == std::string::npos);
  CHECK(answer(kVertexPath + "/jm-operator-metrics") == "200 []");
}

TEST_CASE("metrics: over subtasks, all or some of them") {
  CHECK(answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn&agg=min,max,avg,sum") ==
        R"(200 [{"id":"numRecordsIn","min":10.0,"max":30.0,"avg":20.0,"sum":40.0}])");
  CHECK(answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn&agg=sum&subtasks=1") ==
        R"(200 [{"id":"numRecordsIn","sum":30.0}])");
  CHECK(answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn&agg=sum&subtasks=0-1") ==
        R"(200 [{"id":"numRecordsIn","sum":40.0}])");
  CHECK(answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn&agg=SUM&subtasks=7") == "200 []");
  CHECK(answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn").find("skew") != std::string::npos);
  CHECK(answer(kVertexPath + "/subtasks/metrics")
            .starts_with(R"(200 [{"id":"numRecordsIn"},{"id":"numRecordsInPerSecond"})"));
}

TEST_CASE("metrics: wrong parameters are refused by name") {
  for (const std::string bad :
       {"agg=median", "subtasks=x", "subtasks=3-1", "subtasks=-1", "subtasks=0-99999999", "subtasks=1-2-3"}) {
    CAPTURE(bad);
    const std::string text = answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn&" + bad);
    CHECK(text.starts_with("400"));
    CHECK(text.find(bad.substr(0, bad.find('='))) != std::string::npos);
  }
  CHECK(answer("/jobs/metrics?jobs=12").starts_with("400"));
  CHECK(answer(kVertexPath + "/subtasks/9/metrics").starts_with("404"));
  CHECK(answer("/taskmanagers/nobody/metrics").starts_with("404"));
}

TEST_CASE("metrics: every list of a request is bounded, and what is repeated costs nothing") {
  const auto many = [](const std::string& item, int times) {
    std::string text = item;
    for (int i = 1; i < times; ++i) text += "," + item;
    return text;
  };
  const std::pair<std::string, std::string> parameters[] = {{"/jobs/metrics", "get"},
                                                            {"/jobs/metrics", "agg"},
                                                            {"/jobs/metrics", "jobs"},
                                                            {"/taskmanagers/metrics", "get"},
                                                            {"/taskmanagers/metrics", "taskmanagers"},
                                                            {"/taskmanagers/localhost:33971-09627f/metrics", "get"},
                                                            {"/jobmanager/metrics", "get"},
                                                            {"/jobs/" + kRunningJob + "/metrics", "get"},
                                                            {kVertexPath + "/metrics", "get"},
                                                            {kVertexPath + "/subtasks/0/metrics", "get"},
                                                            {kVertexPath + "/subtasks/metrics", "get"},
                                                            {kVertexPath + "/subtasks/metrics", "agg"},
                                                            {kVertexPath + "/subtasks/metrics", "subtasks"}};
  for (const auto& [path, name] : parameters) {
    CAPTURE(path);
    CAPTURE(name);
    const std::string refused = answer(path + "?" + name + "=" + many("0", 1'001));
    CHECK(refused.starts_with("400"));
    CHECK(refused.find("(" + name + ")") != std::string::npos);
  }
  CHECK(answer(kVertexPath + "/subtasks/metrics?get=numRecordsIn&agg=sum&subtasks=" + many("0-32767", 1'000)) ==
        R"(200 [{"id":"numRecordsIn","sum":40.0}])");
}

TEST_CASE("metrics: of jobs, TaskManagers and the JobManager") {
  CHECK(answer("/jobs/" + kRunningJob + "/metrics?get=runningState,numRestarts") ==
        R"(200 [{"id":"runningState","value":"1"},{"id":"numRestarts","value":"0"}])");
  CHECK(answer("/jobs/" + kFailedJob + "/metrics?get=uptime") == R"(200 [{"id":"uptime","value":"-1"}])");
  CHECK(answer("/jobs/metrics?get=runningState&agg=sum") == R"(200 [{"id":"runningState","sum":1.0}])");
  CHECK(answer("/jobs/metrics?get=runningState&agg=sum&jobs=" + kFailedJob) ==
        R"(200 [{"id":"runningState","sum":0.0}])");
  CHECK(answer("/taskmanagers/localhost:33971-09627f/metrics?get=Status.JVM.Memory.Heap.Max") ==
        R"(200 [{"id":"Status.JVM.Memory.Heap.Max","value":"1728000000"}])");
  CHECK(answer("/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Max&agg=max&taskmanagers=localhost:33971-09627f") ==
        R"(200 [{"id":"Status.JVM.Memory.Heap.Max","max":1728000000.0}])");
  CHECK(answer("/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Max&taskmanagers=other") == "200 []");
  CHECK(answer("/jobmanager/metrics?get=taskSlotsTotal,taskSlotsAvailable") ==
        R"(200 [{"id":"taskSlotsTotal","value":"4"},{"id":"taskSlotsAvailable","value":"2"}])");
  CHECK(answer("/jobmanager/metrics").find("Status.JVM.Memory.Heap.Used") != std::string::npos);
}

TEST_CASE("metrics: aggregation is Flink's, and what is no number does not pass for one") {
  CHECK(aggregated({"1", "3"}, "skew") == R"([{"id":"x","skew":50.0}])");
  CHECK(aggregated({"0", "0"}, "skew") == R"([{"id":"x","skew":0.0}])");
  CHECK(aggregated({"0", "0", "0", "9"}, "skew") == R"([{"id":"x","skew":100.0}])");
  CHECK(aggregated({"NaN", "1"}, "min,max") == R"([{"id":"x","min":"NaN","max":"NaN"}])");
  CHECK(aggregated({"true", "text"}, "sum") == "[]");
  CHECK(aggregated({"2.5", "text"}, "sum,sum") == R"([{"id":"x","sum":2.5}])");
}

// Every answer has the fields, nesting and JSON types that Flink 1.20 gives, as tests/contract/rest_1_20.shapes lists
// them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/unit/jobmanager/rest/fake_backend.h"
#include "tests/unit/jobmanager/rest/rest_client.h"

using namespace weir::jobmanager::rest;
namespace json = boost::json;

namespace {

struct Field {
  bool optional = false;
  std::set<std::string> types;
};
struct Shape {
  unsigned status = 0;
  std::map<std::string, Field> fields;  // by path
};

struct Contract {
  std::map<std::string, Shape> shapes;
  std::map<std::string, std::set<std::string>> vocabularies;
};

Contract read_contract() {
  std::ifstream file(WEIR_SHAPES);
  REQUIRE(file.good());
  Contract contract;
  auto& shapes = contract.shapes;
  Shape* shape = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (std::size_t equals = line.find(" = "); equals != std::string::npos) {
      std::istringstream words(line.substr(equals + 3));
      for (std::string word; words >> word;) contract.vocabularies[line.substr(0, equals)].insert(word);
      continue;
    }
    if (line.front() == '[' && !line.starts_with("[]")) {
      std::size_t end = line.find(']');
      shape = &shapes[line.substr(1, end - 1)];
      if (end + 2 < line.size()) shape->status = static_cast<unsigned>(std::stoul(line.substr(end + 2)));
      continue;
    }
    REQUIRE(shape != nullptr);
    std::size_t space = line.rfind(' ');
    std::string path = line.substr(0, space);
    Field field;
    field.optional = path.back() == '?';
    if (field.optional) path.pop_back();
    std::istringstream types(line.substr(space + 1));
    for (std::string type; std::getline(types, type, '|');) field.types.insert(type);
    shape->fields[path == "." ? "" : path] = field;
  }
  return contract;
}

std::string type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "bool";
    case json::kind::int64:
    case json::kind::uint64: return "int";
    case json::kind::double_: return "float";
    case json::kind::string: return "string";
    case json::kind::array: return "array";
    case json::kind::object: break;
  }
  return "object";
}

/// What Weir adds to Flink's answers.
const std::set<std::string> kAdditions = {"weir-version", "warnings"};

class Comparison {
 public:
  Comparison(const Contract& contract, const Shape& shape) : contract_(contract), shape_(shape) {}

  void compare(const std::string& path, const json::value& value) {
    auto field = shape_.fields.find(path);
    if (field == shape_.fields.end()) {
      differences_ += path + " is not Flink's; ";
      return;
    }
    if (!fits(field->second, value)) differences_ += path + " is " + json::serialize(value).substr(0, 60) + "; ";
    if (const json::array* list = value.if_array()) {
      for (const json::value& element : *list) compare(path + "[]", element);
    }
    if (const json::object* object = value.if_object()) compare_object(path, *object);
  }

  const std::string& differences() const { return differences_; }

 private:
  bool fits(const Field& field, const json::value& value) const {
    if (field.types.contains(type_of(value))) return true;
    if (!value.is_string()) return false;
    std::string text(value.get_string());
    bool is_hex = text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (is_hex && field.types.contains("hex32")) return true;
    return std::any_of(field.types.begin(), field.types.end(), [&](const std::string& type) {
      auto vocabulary = contract_.vocabularies.find(type);
      return vocabulary != contract_.vocabularies.end() && vocabulary->second.contains(text);
    });
  }

  void compare_object(const std::string& path, const json::object& object) {
    std::string prefix = path.empty() ? "" : path + ".";
    bool is_map = true;
    for (const auto& [known, field] : shape_.fields) {
      bool inside = known.starts_with(prefix) && known != path;
      std::string name = inside ? known.substr(prefix.size()) : "";
      if (name.empty() || name.find_first_of(".[") != std::string::npos) continue;
      is_map = false;
      if (!field.optional && !object.contains(name)) differences_ += known + " is missing; ";
    }
    if (is_map) return;
    for (const auto& [key, member] : object) {
      std::string name(key);
      if (!kAdditions.contains(name)) compare(prefix + name, member);
    }
  }

  const Contract& contract_;
  const Shape& shape_;
  std::string differences_;
};

}  // namespace

TEST_CASE("rest contract: every answer has the shape of Flink's, with and without v1") {
  FakeBackend backend;
  backend.task_manager_files["log"] = "x";
  RestSettings settings;
  settings.weir_version = "0.1.0";
  settings.revision = "abc";
  settings.log_directory = WEIR_SHAPES_DIRECTORY;
  settings.configuration = {{"rest.port", "8081"}};
  settings.program_options = {"--foreground"};
  RestApi api(backend.services(settings));

  const std::string vertex = "/jobs/" + kRunningJob + "/vertices/" + kVertex;
  const std::string jar = "/jars/b5f2c2f7-4360-4a8e-a3b2-0a96fe37d521_job.so";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"GET /config", "/config"},
      {"GET /overview", "/overview"},
      {"GET /jobs", "/jobs"},
      {"GET /jobs/overview", "/jobs/overview"},
      {"GET /jobs/:jobid", "/jobs/" + kRunningJob},
      {"GET /jobs/:jobid", "/jobs/" + kFailedJob},
      {"GET /jobs/:jobid/plan", "/jobs/" + kRunningJob + "/plan"},
      {"GET /jobs/:jobid/config", "/jobs/" + kRunningJob + "/config"},
      {"GET /jobs/:jobid/exceptions", "/jobs/" + kRunningJob + "/exceptions"},
      {"GET /jobs/:jobid/exceptions", "/jobs/" + kFailedJob + "/exceptions"},
      {"GET /jobs/:jobid/status", "/jobs/" + kRunningJob + "/status"},
      {"GET /jobs/:jobid/execution-result", "/jobs/" + kRunningJob + "/execution-result"},
      {"GET /jobs/:jobid/execution-result", "/jobs/" + kFailedJob + "/execution-result"},
      {"GET /jobs/:jobid/accumulators", "/jobs/" + kRunningJob + "/accumulators"},
      {"GET /jobs/:jobid/vertices/:vertexid", vertex},
      {"GET /jobs/:jobid/vertices/:vertexid/accumulators", vertex + "/accumulators"},
      {"GET /jobs/:jobid/vertices/:vertexid/subtasktimes", vertex + "/subtasktimes"},
      {"GET /jobs/:jobid/vertices/:vertexid/taskmanagers", vertex + "/taskmanagers"},
      {"GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex", vertex + "/subtasks/1"},
      {"GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt",
       vertex + "/subtasks/1/attempts/0"},
      {"GET /taskmanagers", "/taskmanagers"},
      {"GET /taskmanagers/:taskmanagerid", "/taskmanagers/localhost:33971-09627f"},
      {"GET /taskmanagers/:taskmanagerid/logs", "/taskmanagers/localhost%3A33971-09627f/logs"},
      {"GET /taskmanagers/:taskmanagerid/log", "/taskmanagers/localhost:33971-09627f/log"},
      {"GET /jobmanager/logs", "/jobmanager/logs"},
      {"GET /jobmanager/logs/:filename", "/jobmanager/logs/rest_1_20.shapes"},
      {"GET /jobmanager/config", "/jobmanager/config"},
      {"GET /jobmanager/environment", "/jobmanager/environment"},
      {"GET /datasets", "/datasets"},
      {"GET /jars", "/jars"},
      {"GET /jars/:jarid/plan", jar + "/plan?programArg=a,b"},
      {"POST /jars/:jarid/plan", jar + "/plan"},
      {"POST /jars/:jarid/run", jar + "/run"},
      {"DELETE /jars/:jarid", jar},
      {"GET /jobs/:jobid/yarn-cancel", "/jobs/" + kRunningJob + "/yarn-cancel"},
      {"PATCH /jobs/:jobid", "/jobs/" + kRunningJob + "?mode=cancel"},
      {"error", "/no/such/path"},
      {"error", "/jobs/00000000000000000000000000000000"},
      {"error", "/jobs/nonsense"},
  };
  const Contract contract = read_contract();
  const auto& shapes = contract.shapes;
  for (const auto& [name, target] : cases) {
    for (const char* prefix : {"", "/v1"}) {
      REQUIRE(shapes.contains(name));
      const Shape& shape = shapes.at(name);
      std::string method = name == "error" ? "GET" : name.substr(0, name.find(' '));
      weir::http::Response response = ask(api, method, prefix + target);
      INFO(method, " ", prefix, target, " -> ", response.status, " ", body_of(response));
      if (shape.status != 0) CHECK(response.status == shape.status);
      bool is_text = shape.fields.at("").types.contains("text");
      CHECK(response.content_type == (is_text ? "text/plain" : "application/json; charset=UTF-8"));
      if (is_text) continue;
      Comparison comparison(contract, shape);
      comparison.compare("", json::parse(body_of(response)));
      CHECK(comparison.differences() == "");
    }
  }
}

// Where Flink 1.20 answers 500 for what the client got wrong (an unknown TaskManager, jar or entry), 404 and 400 are
// right, as in its later releases.
TEST_CASE("rest contract: wrong requests have Flink's status, or the right one where Flink's is 500") {
  FakeBackend backend;
  RestApi api(backend.services(RestSettings()));
  struct Case {
    const char* method;
    std::string target;
    unsigned status;
    const char* words;
  };
  const std::string none = "00000000000000000000000000000000";
  const std::vector<Case> cases = {
      {"GET", "/jobs/nonsense", 400, "Cannot resolve path parameter (jobid) from value \\\"nonsense\\\"."},
      {"GET", "/jobs/" + none, 404, "Job 00000000000000000000000000000000 not found"},
      {"GET", "/jobs/" + kRunningJob + "/vertices/" + none, 404,
       "JobVertex 00000000000000000000000000000000 not found"},
      {"GET", "/jobs/" + kRunningJob + "/vertices/x", 400, "(vertexid)"},
      {"GET", "/jobs/" + kRunningJob + "/vertices/" + kVertex + "/subtasks/2", 404, "Invalid subtask index"},
      {"GET", "/jobs/" + kRunningJob + "/vertices/" + kVertex + "/subtasks/-1", 400, "(subtaskindex)"},
      {"GET", "/jobs/" + kRunningJob + "/vertices/" + kVertex + "/subtasks/0/attempts/7", 404, "attempt 7"},
      {"GET", "/jobs/" + kRunningJob + "/exceptions?maxExceptions=x", 400, "(maxExceptions)"},
      {"PATCH", "/jobs/" + none + "?mode=cancel", 404, "Job could not be found"},
      {"PATCH", "/jobs/" + kRunningJob + "?mode=sideways", 400,
       "Cannot resolve query parameter (mode) from value \\\"sideways\\\"."},
      {"PATCH", "/jobs/" + kRunningJob + "?mode=stop", 308, "stop"},
      {"PATCH", "/jobs/" + kFailedJob, 409, "has ended"},
      {"GET", "/jobs/" + none + "/yarn-cancel", 404, "could not be found"},
      {"PUT", "/overview", 404, "Not found: /overview"},
      {"GET", "/no/such/path", 404, "Unable to load requested file /no/such/path."},
      {"POST", "/v1/no?x=1", 404, "Not found: /v1/no?x=1"},
      {"GET", "/jobs/%zz", 400, "two hexadecimal digits"},
      {"GET", "/taskmanagers/none", 404, "No TaskManager is registered under none."},
      {"GET", "/taskmanagers/none/log", 404, "no such thing"},
      {"GET", "/jobmanager/logs/..%2F..%2Fetc%2Fpasswd", 404,
       "Unable to load requested file /jobmanager/logs/../../etc/passwd."},
      {"GET", "/jobmanager/log", 404, "Unable to load requested file /jobmanager/log."},
      {"DELETE", "/jars/none.so", 400, "File none.so does not exist"},
      {"POST", "/jars/none.so/run", 404, "no such thing: none.so"},
      {"GET", "/jars/none.so/plan", 404, "no such thing: none.so"},
      {"POST", "/jars/upload", 400, "Exactly 1 file must be sent, received 0."},
  };
  for (const Case& one : cases) {
    weir::http::Response response = ask(api, one.method, one.target);
    INFO(one.method, " ", one.target, " -> ", body_of(response));
    CHECK(response.status == one.status);
    CHECK(body_of(response).starts_with("{\"errors\":[\""));
    CHECK(body_of(response).find(one.words) != std::string::npos);
  }
}

#include <dlfcn.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/http/http_client.h"
#include "common/http/target.h"
#include "testing/daemon_process.h"
#include "weir/testing.h"

extern char** environ;

namespace weir::testing {

namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollInterval{5};
constexpr milliseconds kTerminationDeadline{5'000};

[[noreturn]] void fail(const std::string& sentence) { throw std::runtime_error("MiniCluster: " + sentence); }

/// The folder whose bin has the daemons: of a distribution (lib and bin side by side), or below the library folder of
/// an installation.
std::string home_of(const std::string& wanted) {
  std::vector<fs::path> candidates;
  const char* variable = std::getenv("WEIR_HOME");
  if (!wanted.empty()) {
    candidates.emplace_back(wanted);
  } else if (variable != nullptr && *variable != '\0') {
    candidates.emplace_back(variable);
  } else {
    Dl_info self{};
    if (::dladdr(reinterpret_cast<void*>(&home_of), &self) != 0 && self.dli_fname != nullptr) {
      std::error_code error;
      const fs::path lib = fs::canonical(self.dli_fname, error).parent_path();
      candidates = {lib.parent_path(), lib / "weir", lib.parent_path() / "weir"};
    }
  }
  for (const fs::path& candidate : candidates) {
    for (const fs::path& home : {candidate, candidate / "lib" / "weir"}) {
      if (fs::exists(home / "bin" / "jobmanager") && fs::exists(home / "bin" / "taskmanager")) return home.string();
    }
  }
  std::string tried;
  for (const fs::path& candidate : candidates) tried += (tried.empty() ? "" : ", ") + candidate.string();
  fail("no distribution found, set WEIR_HOME to one (its bin has jobmanager and taskmanager); tried: " + tried);
}

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_terminal(const std::string& state) {
  return state == "FINISHED" || state == "FAILED" || state == "CANCELED" || state == "SUSPENDED";
}

}  // namespace

/// Lives on: the thread that made the cluster.
class MiniCluster::Parts {
 public:
  explicit Parts(MiniClusterOptions options) : options_(std::move(options)), home_(home_of(options_.home)) {
    std::string pattern = (fs::temp_directory_path() / "weir-mini-cluster-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) fail("cannot make a folder below " + fs::temp_directory_path().string());
    directory_ = pattern;
    for (const char* name : {"conf", "log", "tmp"}) fs::create_directory(fs::path(directory_) / name);
    write_configuration();
    job_manager_ = start("jobmanager", "jobmanager", {});
    const json::object ports = wait_for_ports(*job_manager_, "jobmanager");
    rest_port_ = std::to_string(ports.at("rest").to_number<int>());
    rpc_port_ = std::to_string(ports.at("rpc").to_number<int>());
    for (int i = 0; i < options_.task_managers; ++i) add_task_manager();
    wait_for_slots(options_.task_managers * options_.slots_per_task_manager);
  }

  ~Parts() {
    for (auto& task_manager : task_managers_) task_manager->terminate(kTerminationDeadline);
    if (job_manager_) job_manager_->terminate(kTerminationDeadline);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  void add_task_manager() {
    const std::string name = "taskmanager-" + std::to_string(task_managers_.size());
    task_managers_.push_back(start("taskmanager", name, {"-D", "jobmanager.rpc.port=" + rpc_port_}));
    wait_for_ports(*task_managers_.back(), name);
  }

  std::string get(const std::string& path) { return ask("GET", path, ""); }
  json::object get_object(const std::string& path) { return object_of(get(path), path); }

  std::string ask(std::string_view method, const std::string& path, const std::string& body) {
    http::HttpClient client(http::Address{"127.0.0.1", rest_port_, ""}, client_options());
    return body_of(client.send(method, path, body), std::string(method) + " " + path);
  }

  std::string submit(const MiniClusterJob& job) {
    http::HttpClient client(http::Address{"127.0.0.1", rest_port_, ""}, client_options());
    const std::string name = fs::path(job.library).filename().string();
    const json::object uploaded = object_of(
        body_of(client.upload("/v1/jars/upload", "jarfile", job.library, name, {}), "upload of " + job.library),
        "upload");
    const std::string file = text_at(uploaded, "filename");
    json::object request;
    if (!job.entry.empty()) request["entryClass"] = job.entry;
    request["programArgsList"] = json::array(job.arguments.begin(), job.arguments.end());
    if (job.parallelism > 0) request["parallelism"] = job.parallelism;
    json::object configuration;
    for (const auto& [key, value] : job.configuration) configuration[key] = value;
    request["flinkConfiguration"] = std::move(configuration);
    const std::string target = "/v1/jars/" + http::percent_encode(file.substr(file.rfind('/') + 1)) + "/run";
    return text_at(object_of(ask("POST", target, json::serialize(request)), target), "jobid");
  }

  template <class Condition>
  void wait_until(milliseconds deadline, const std::string& what, Condition&& condition) {
    const auto end = steady_clock::now() + deadline;
    while (!condition()) {
      check_daemons();
      if (steady_clock::now() > end) fail("waited " + std::to_string(deadline.count()) + " ms for " + what);
      std::this_thread::sleep_for(kPollInterval);
    }
  }

  std::string printed() {
    std::string text;
    const json::object list = get_object("/v1/taskmanagers");
    for (const json::value& one : list.at("taskmanagers").as_array()) {
      text += get("/v1/taskmanagers/" + http::percent_encode(text_at(one.as_object(), "id")) + "/stdout");
    }
    return text;
  }

  MiniClusterOptions options_;
  std::string home_;
  std::string directory_;
  std::string rest_port_;
  std::string rpc_port_;
  std::unique_ptr<DaemonProcess> job_manager_;
  std::vector<std::unique_ptr<DaemonProcess>> task_managers_;

 private:
  http::ClientOptions client_options() const {
    http::ClientOptions options;
    options.connect_timeout = options_.deadline;
    options.read_timeout = options_.deadline;
    return options;
  }

  void write_configuration() {
    std::map<std::string, std::string> settings{
        {"rest.port", "0"},
        {"rest.bind-port", "0"},
        {"jobmanager.rpc.port", "0"},
        {"blob.server.port", "0"},
        {"io.tmp.dirs", directory_ + "/tmp"},
        {"taskmanager.numberOfTaskSlots", std::to_string(options_.slots_per_task_manager)},
        {"taskmanager.memory.process.size", "1g"},
    };
    for (const auto& [key, value] : options_.options) settings[key] = value;
    std::ofstream file(directory_ + "/conf/config.yaml");
    for (const auto& [key, value] : settings) file << key << ": " << json::serialize(json::string(value)) << "\n";
    if (!file.flush()) fail("cannot write " + directory_ + "/conf/config.yaml");
  }

  std::unique_ptr<DaemonProcess> start(const std::string& program, const std::string& name,
                                       const std::vector<std::string>& more) {
    std::vector<std::string> command{home_ + "/bin/" + program,
                                     "--configDir",
                                     directory_ + "/conf",
                                     "--log-file",
                                     directory_ + "/log/" + name + ".log",
                                     "--ports-file",
                                     directory_ + "/" + name + ".ports"};
    command.insert(command.end(), more.begin(), more.end());
    std::vector<std::string> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text(*variable);
      if (text.starts_with("WEIR_") || text.starts_with("FLINK_")) continue;  // another cluster's
      environment.emplace_back(text);
    }
    environment.push_back("WEIR_HOME=" + home_);
    environment.push_back("WEIR_CONF_DIR=" + directory_ + "/conf");
    return std::make_unique<DaemonProcess>(std::move(command), std::move(environment),
                                           directory_ + "/log/" + name + ".console");
  }

  json::object wait_for_ports(DaemonProcess& daemon, const std::string& name) {
    const std::string path = directory_ + "/" + name + ".ports";
    const auto end = steady_clock::now() + options_.deadline;
    while (true) {
      boost::system::error_code error;
      const json::value ports = json::parse(end_of_file(path, 4096), error);
      if (!error && ports.is_object()) return ports.get_object();
      const std::string ended = daemon.how_it_ended();
      if (!ended.empty())
        fail(name + " ended with " + ended + ": " + daemon.console_end() +
             end_of_file(directory_ + "/log/" + name + ".log", 2000));
      if (steady_clock::now() > end)
        fail("waited " + std::to_string(options_.deadline.count()) + " ms for " + name +
             " to be ready: " + daemon.console_end());
      std::this_thread::sleep_for(kPollInterval);
    }
  }

  void wait_for_slots(int slots) {
    wait_until(options_.deadline, std::to_string(slots) + " slots",
               [&] { return get_object("/v1/overview").at("slots-total").to_number<int>() >= slots; });
  }

  void check_daemons() {
    const std::string ended = job_manager_->how_it_ended();
    if (!ended.empty()) fail("the JobManager ended with " + ended + ": " + job_manager_->console_end());
  }

  static std::string body_of(Result<http::ClientResponse> response, const std::string& what) {
    if (!response.ok()) fail(what + ": " + response.error().message);
    if (response->status < 300) return std::move(response->body);
    boost::system::error_code error;
    const json::value body = json::parse(response->body, error);
    std::string words = "HTTP status " + std::to_string(response->status);
    if (!error && body.is_object() && body.get_object().contains("errors") &&
        body.get_object().at("errors").is_array()) {
      for (const json::value& one : body.get_object().at("errors").get_array()) {
        if (one.is_string()) words = std::string(one.get_string());
      }
    }
    fail(what + ": " + words);
  }

  static json::object object_of(const std::string& body, const std::string& what) {
    boost::system::error_code error;
    json::value value = json::parse(body, error);
    if (error || !value.is_object()) fail(what + ": no JSON object in the answer: " + body.substr(0, 200));
    return std::move(value.get_object());
  }
};

MiniCluster::MiniCluster(MiniClusterOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {}
MiniCluster::~MiniCluster() = default;
std::string MiniCluster::rest_address() const { return "127.0.0.1:" + parts_->rest_port_; }
std::string MiniCluster::submit(const MiniClusterJob& job) { return parts_->submit(job); }
std::string MiniCluster::state(const std::string& job_id) {
  return text_at(parts_->get_object("/v1/jobs/" + job_id), "state");
}

void MiniCluster::wait_for_state(const std::string& job_id, const std::string& wanted) {
  parts_->wait_until(parts_->options_.deadline, "job " + job_id + " to be " + wanted, [&] {
    const std::string now = state(job_id);
    if (now == wanted) return true;
    if (is_terminal(now)) fail("job " + job_id + " is " + now + ", wanted " + wanted + ": " + root_exception(job_id));
    return false;
  });
}

std::string MiniCluster::wait_for_end(const std::string& job_id) {
  return wait_for_end(job_id, parts_->options_.deadline);
}

std::string MiniCluster::wait_for_end(const std::string& job_id, milliseconds deadline) {
  std::string now;
  parts_->wait_until(deadline, "the end of job " + job_id, [&] {
    now = state(job_id);
    return is_terminal(now);
  });
  return now;
}

void MiniCluster::cancel(const std::string& job_id) { parts_->ask("PATCH", "/v1/jobs/" + job_id + "?mode=cancel", ""); }
std::string MiniCluster::root_exception(const std::string& job_id) {
  return text_at(parts_->get_object("/v1/jobs/" + job_id + "/exceptions"), "root-exception");
}
std::string MiniCluster::printed() { return parts_->printed(); }
std::string MiniCluster::get(const std::string& path) { return parts_->get(path); }
void MiniCluster::add_task_manager() { parts_->add_task_manager(); }
void MiniCluster::kill_task_manager(int index) { parts_->task_managers_.at(static_cast<std::size_t>(index))->kill(); }
const std::string& MiniCluster::directory() const { return parts_->directory_; }

}  // namespace weir::testing

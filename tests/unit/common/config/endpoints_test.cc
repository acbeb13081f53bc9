#include "common/config/endpoints.h"

#include <doctest/doctest.h>

using namespace weir::config;

namespace {

Configuration with(std::initializer_list<std::pair<std::string, std::string>> settings) {
  Configuration configuration;
  for (const auto& [key, value] : settings) configuration.set(key, value, "c.yaml:1");
  return configuration;
}

/// "bind host|ports|told host|told port"
std::string shown(const weir::Result<Listener>& listener) {
  if (!listener.ok()) return listener.error().message;
  const Listener& it = listener.value();
  return it.bind_host + "|" + to_text(it.bind_ports) + "|" + it.advertised_host.value_or("-") + "|" +
         (it.advertised_port ? std::to_string(*it.advertised_port) : "-");
}

}  // namespace

TEST_CASE("endpoints: without settings everything is on loopback") {
  Configuration none;
  CHECK(shown(jobmanager_rpc_listener(none)) == "localhost|6123|localhost|6123");
  CHECK(shown(rest_listener(none)) == "localhost|8081|localhost|8081");
  CHECK(shown(blob_listener(none)) == "localhost|0|localhost|-");
  CHECK(shown(taskmanager_rpc_listener(none)) == "localhost|0|-|-");
  CHECK(shown(taskmanager_data_listener(none)) == "localhost|0|-|-");
  CHECK(jobmanager_endpoint(none)->port == 6123);
  CHECK(rest_endpoint(none)->host == "localhost");
}

TEST_CASE("endpoints: a bind port goes before the announced one, which is still announced") {
  CHECK(shown(jobmanager_rpc_listener(
            with({{"jobmanager.rpc.bind-port", "7000"}, {"jobmanager.rpc.address", "127.0.1.1"}}))) ==
        "localhost|7000|127.0.1.1|6123");
  CHECK(shown(rest_listener(with({{"rest.bind-port", "50100-50200,0"}}))) == "localhost|50100-50200,0|localhost|-");
  CHECK(shown(rest_listener(with({{"rest.port", "0"}, {"rest.address", "r"}}))) == "localhost|0|r|-");
  CHECK(shown(taskmanager_rpc_listener(with(
            {{"taskmanager.rpc.port", "6122"}, {"taskmanager.rpc.bind-port", "7001"}}))) == "localhost|7001|-|6122");
  CHECK(shown(taskmanager_rpc_listener(
            with({{"taskmanager.rpc.port", "1-9"}, {"taskmanager.rpc.bind-port", "7001"}}))) == "localhost|7001|-|-");
  CHECK(shown(taskmanager_data_listener(with(
            {{"taskmanager.data.port", "5"}, {"taskmanager.data.bind-port", "6-7"}, {"taskmanager.host", "::1"}}))) ==
        "localhost|6-7|::1|5");
}

TEST_CASE("endpoints: an announced address beyond loopback with a listener on loopback is refused") {
  // Flink's standalone Kubernetes configuration, which names no bind host.
  Configuration kubernetes = with({{"jobmanager.rpc.address", "flink-jobmanager"},
                                   {"blob.server.port", "6124"},
                                   {"jobmanager.rpc.port", "6123"},
                                   {"taskmanager.rpc.port", "6122"}});
  CHECK(shown(jobmanager_rpc_listener(kubernetes)) ==
        "c.yaml:1: jobmanager.rpc.address: other machines would connect to \"flink-jobmanager\", but "
        "jobmanager.bind-host is localhost, which only this machine can reach; set jobmanager.bind-host: 0.0.0.0, or "
        "jobmanager.rpc.address: localhost");
  // The TaskManager only dials that address. It starts, and says what may be wrong.
  CHECK(shown(taskmanager_rpc_listener(kubernetes)) == "localhost|6122|-|-");
  CHECK(taskmanager_reach_warnings(kubernetes) ==
        std::vector<std::string>{
            "jobmanager.rpc.address is \"flink-jobmanager\", but taskmanager.bind-host is localhost: a JobManager on "
            "another machine cannot reach this TaskManager; set taskmanager.bind-host: 0.0.0.0"});
  CHECK(jobmanager_reach_warnings(kubernetes).empty());
  CHECK(shown(taskmanager_rpc_listener(with({{"taskmanager.host", "tm-1"}})))
            .starts_with("c.yaml:1: taskmanager.host: other machines would connect to \"tm-1\""));

  kubernetes.set("jobmanager.bind-host", "0.0.0.0", "c");
  kubernetes.set("taskmanager.bind-host", "0.0.0.0", "c");
  CHECK(shown(jobmanager_rpc_listener(kubernetes)) == "0.0.0.0|6123|flink-jobmanager|6123");
  CHECK(shown(rest_listener(kubernetes)) == "localhost|8081|flink-jobmanager|8081");
  CHECK(taskmanager_reach_warnings(kubernetes).empty());
}

TEST_CASE(
    "endpoints: a REST address beyond loopback with a listener on loopback is a warning, for it may be a proxy's") {
  const Configuration proxy = with({{"rest.address", "weir.example.com"}});
  CHECK(shown(rest_listener(proxy)) == "localhost|8081|weir.example.com|8081");
  CHECK(jobmanager_reach_warnings(proxy) ==
        std::vector<std::string>{"rest.address is \"weir.example.com\", but rest.bind-address is localhost: other "
                                 "machines reach the REST API only through a proxy on this one"});
}

TEST_CASE(
    "endpoints: a REST listener beyond loopback needs to be allowed, and the error names its option and where it was "
    "set") {
  Configuration open =
      with({{"rest.bind-address", "0.0.0.0"}, {"jobmanager.bind-host", "::"}, {"taskmanager.bind-host", "10.0.0.1"}});
  CHECK(shown(rest_listener(open)).starts_with("c.yaml:1: rest.bind-address: a listener on \"0.0.0.0\""));
  // Their peers prove the cluster's secret, or the job's.
  for (const auto& listener : {jobmanager_rpc_listener(open), blob_listener(open)})
    CHECK(shown(listener).starts_with("::|"));
  for (const auto& listener : {taskmanager_rpc_listener(open), taskmanager_data_listener(open)})
    CHECK(shown(listener).starts_with("10.0.0.1|"));
  open.set("security.allow-unauthenticated", "true", "c");
  CHECK(shown(rest_listener(open)) == "0.0.0.0|8081|localhost|8081");
}

TEST_CASE("endpoints: clients use the address of the JobManager where REST has none of its own") {
  CHECK(rest_endpoint(with({{"jobmanager.rpc.address", "jm"}}))->host == "jm");
  CHECK(rest_endpoint(with({{"jobmanager.rpc.address", "jm"}, {"rest.address", "r"}}))->host == "r");
  CHECK_FALSE(rest_endpoint(with({{"rest.port", "x"}})).ok());
}

TEST_CASE("endpoints: a cluster id is taken or made from any name") {
  CHECK(cluster_id(with({}))->is_none());
  CHECK(cluster_id(with({{"cluster.id", "00112233445566778899aabbccddeeff"}}))->to_hex() ==
        "00112233445566778899aabbccddeeff");
  CHECK(cluster_id(with({{"cluster.id", "a"}})).value() != cluster_id(with({{"cluster.id", "b"}})).value());
}

TEST_CASE("endpoints: temporary directories are split as Flink splits them and must be absolute") {
  using Names = std::vector<std::string>;
  CHECK(temporary_directories(with({})).value() == Names{"/tmp"});
  CHECK(temporary_directories(with({{"io.tmp.dirs", "/a, /b:/c;/d"}})).value() == Names{"/a", "/b", "/c", "/d"});
  CHECK(temporary_directories(with({{"io.tmp.dirs", "[/a, '/b,c']"}})).value() == Names{"/a", "/b,c"});
  CHECK(temporary_directories(with({{"io.tmp.dirs", "/a,b"}})).error().message ==
        "c.yaml:1: io.tmp.dirs: \"b\" is not an absolute path, which begins with a slash");
  for (const char* text : {"", " , ", "[]", "[/a"})
    CHECK_FALSE(temporary_directories(with({{"io.tmp.dirs", text}})).ok());
}

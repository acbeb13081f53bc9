#include "jobmanager/rest/origin_guard.h"

#include <doctest/doctest.h>

#include "tests/unit/jobmanager/rest/fake_backend.h"
#include "tests/unit/jobmanager/rest/rest_client.h"

using namespace weir::jobmanager::rest;

namespace {

using Headers = std::vector<weir::http::Header>;

bool passes(Headers headers, const OriginPolicy& policy, bool acts = true) {
  weir::http::Request request;
  request.method = "POST";
  request.headers = std::move(headers);
  return refusal_of_origin(request, acts, policy).empty();
}

const OriginPolicy kLoopback{.allowed_origin = "", .is_loopback = true, .own_hosts = {"flink.example", "box"}};

}  // namespace

TEST_CASE("origin_guard: who has no browser passes") {
  CHECK(passes({}, kLoopback));
  CHECK(passes({{"Host", "localhost:8081"}}, kLoopback));
  CHECK(passes({{"Host", ""}}, kLoopback));
}

TEST_CASE("origin_guard: to a loopback listener only names of this machine are names, for questions too") {
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8081", "127.8.8.8", "[::1]:8081", "[::1]",
                           "flink.example:8081", "Box"}) {
    INFO(host);
    CHECK(passes({{"Host", host}}, kLoopback, false));
    CHECK(passes({{"Host", host}}, kLoopback, true));
  }
  for (const char* host : {"evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example:8081",
                           "10.0.0.1:8081", ":8081", "[::2]:8081", "xflink.example", "localhost@evil.example"}) {
    INFO(host);
    CHECK_FALSE(passes({{"Host", host}}, kLoopback, false));
    CHECK_FALSE(passes({{"Host", host}, {"Origin", std::string("http://") + host}}, kLoopback));
  }
  OriginPolicy open = kLoopback;
  open.is_loopback = false;  // reached by names that nobody here knows
  CHECK(passes({{"Host", "jobmanager.cluster.local:8081"}}, open, false));
}

TEST_CASE("origin_guard: what changes something comes from our own page, whatever the listener") {
  for (bool is_loopback : {true, false}) {
    OriginPolicy policy = kLoopback;
    policy.is_loopback = is_loopback;
    const weir::http::Header host{"Host", "localhost:8081"};
    CHECK(passes({host, {"Origin", "http://localhost:8081"}}, policy));
    CHECK(passes({host, {"Origin", "https://LOCALHOST:8081"}}, policy));
    CHECK(passes({host, {"Sec-Fetch-Site", "same-origin"}}, policy));
    CHECK(passes({host, {"Sec-Fetch-Site", "none"}}, policy));
    for (const char* origin :
         {"http://evil.example", "null", "", "http://localhost:3000", "http://localhost", "http://127.0.0.1:8081",
          "http://localhost:8081.evil.example", "ftp://localhost:8081", "localhost:8081"}) {
      INFO(origin);
      CHECK_FALSE(passes({host, {"Origin", origin}}, policy));
      CHECK(passes({host, {"Origin", origin}}, policy, false));  // the browser keeps the answer from the page
    }
    CHECK_FALSE(passes({host, {"Sec-Fetch-Site", "cross-site"}}, policy));
    CHECK_FALSE(passes({host, {"Sec-Fetch-Site", "same-site"}}, policy));
    CHECK_FALSE(passes({{"Origin", "http://"}}, policy));  // no Host to be the same as
  }
}

TEST_CASE("origin_guard: the origin that is allowed may, and no other; a star allows all") {
  OriginPolicy one = kLoopback;
  one.allowed_origin = "https://dash.example";
  CHECK(passes({{"Host", "localhost:8081"}, {"Origin", "https://dash.example"}}, one));
  CHECK_FALSE(passes({{"Host", "localhost:8081"}, {"Origin", "http://dash.example"}}, one));
  CHECK_FALSE(passes({{"Host", "localhost:8081"}, {"Origin", "https://dash.example.evil"}}, one));
  OriginPolicy any = kLoopback;
  any.allowed_origin = "*";
  CHECK(passes({{"Host", "evil.example"}, {"Origin", "http://evil.example"}}, any));
}

TEST_CASE("rest: requests of foreign pages that would act are refused before their body is read") {
  FakeBackend backend;
  RestSettings settings;
  settings.origins = kLoopback;
  RestApi api(backend.services(settings));
  const std::string job = "/jobs/" + std::string(32, '0');
  auto refused = [&](const char* method, const std::string& target) {
    weir::http::Request request;
    request.method = method;
    request.target = target;
    request.headers = {{"Host", "localhost:8081"}, {"Origin", "http://evil.example"}};
    return !api.body_rule(request).refused.empty();
  };
  CHECK(refused("POST", "/jars/upload"));
  CHECK(refused("POST", "/v1/jars/x/run"));
  CHECK(refused("DELETE", "/jars/x"));
  CHECK(refused("DELETE", "/cluster"));
  CHECK(refused("PATCH", job));
  CHECK(refused("GET", job + "/yarn-cancel"));
  CHECK(refused("GET", "/jars/x/plan"));
  CHECK(refused("POST", "/nothing"));
  CHECK_FALSE(refused("GET", job));
  CHECK_FALSE(refused("HEAD", "/overview"));
  CHECK_FALSE(refused("OPTIONS", "/jars/upload"));
}

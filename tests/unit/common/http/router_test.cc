#include "common/http/router.h"

#include <doctest/doctest.h>

using weir::http::Query;
using weir::http::Router;
using weir::http::Target;
using Outcome = weir::http::Router::Match::Outcome;

namespace {

enum Routes { jobs, overview, job, cancel, vertex, index };

Router router() {
  Router router;
  router.add("GET", "/", index);
  router.add("GET", "/jobs", jobs);
  router.add("GET", "/jobs/:jobid", job);
  router.add("PATCH", "/jobs/:jobid", cancel);
  router.add("GET", "/jobs/overview", overview);
  router.add("GET", "/jobs/:jobid/vertices/:vertexid", vertex);
  return router;
}

Router::Match match(std::string_view method, std::string_view target) {
  return router().match(method, Target::parse(target).value());
}

}  // namespace

TEST_CASE("router: a path is found with and without v1, with slashes at its end and doubled") {
  for (const char* path :
       {"/jobs", "/v1/jobs", "/jobs/", "//jobs", "/v1//jobs//", "/jobs?x=1", "http://host:1/v1/jobs"}) {
    INFO(path);
    CHECK(match("GET", path).route == jobs);
  }
  CHECK(match("GET", "/").route == index);
  CHECK(match("GET", "/v1").route == index);
}

TEST_CASE("router: parameters are decoded pieces of the path") {
  Router::Match found = match("GET", "/v1/jobs/a%20b/vertices/c%2Fd");
  REQUIRE(found.outcome == Outcome::found);
  CHECK(found.route == vertex);
  CHECK(found.parameter("jobid") == "a b");
  CHECK(found.parameter("vertexid") == "c/d");
}

TEST_CASE("router: a fixed piece wins over a parameter, whatever the order they were added in") {
  CHECK(match("GET", "/jobs/overview").route == overview);
  CHECK(match("GET", "/jobs/overviews").route == job);
}

TEST_CASE("router: HEAD finds what GET finds") { CHECK(match("HEAD", "/jobs").route == jobs); }

TEST_CASE("router: a known path with another method says which methods it has") {
  Router::Match found = match("PUT", "/jobs/1");
  CHECK(found.outcome == Outcome::no_such_method);
  CHECK(found.allowed == std::vector<std::string>{"GET", "PATCH"});
  CHECK(match("get", "/jobs").outcome == Outcome::no_such_method);
}

TEST_CASE("router: what is not in the table is not found") {
  for (const char* path :
       {"/job", "/jobs/1/vertices", "/jobs/1/vertices/2/3", "/v2/jobs", "/v1/v1/jobs", "/Jobs", "/jobs%2F1"}) {
    INFO(path);
    CHECK(match("GET", path).outcome == Outcome::no_such_path);
  }
}

TEST_CASE("target: a query keeps order, repetition and empty values") {
  Target target = Target::parse("/x?a=1&b=x+y%26z&a=2&c&=d&&e==").value();
  CHECK(target.query.find("a") == "1");
  CHECK(target.query.all("a") == std::vector<std::string_view>{"1", "2"});
  CHECK(target.query.find("b") == "x y&z");
  CHECK(target.query.find("c") == "");
  CHECK(target.query.find("") == "d");
  CHECK(target.query.find("e") == "=");
  CHECK_FALSE(target.query.find("f").has_value());
}

TEST_CASE("target: a plus in the path is a plus") { CHECK(Target::parse("/a+b").value().path == "/a+b"); }

TEST_CASE("target: malformed addresses are refused") {
  for (const char* text : {"", "jobs", "*", "/a%", "/a%1", "/a%zz", "/a?b=%", "/a?%x=1", "/a%00b", "ftp://x/y"}) {
    INFO(text);
    CHECK_FALSE(Target::parse(text).ok());
  }
}

TEST_CASE("target: a query of very many pairs is refused") {
  std::string text = "/x?";
  for (int i = 0; i < 1001; ++i) text += "a&";
  CHECK_FALSE(Target::parse(text).ok());
}

TEST_CASE("target: encode and decode are inverse for every byte") {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  CHECK(weir::http::percent_decode(weir::http::percent_encode(all), true).value() == all);
}

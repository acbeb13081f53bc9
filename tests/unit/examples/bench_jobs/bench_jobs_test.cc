// The benchmark jobs out of their library, in one thread, beside the plain fold.
#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "api/loader/job_library.h"
#include "examples/bench_jobs/latency_sink.h"
#include "examples/bench_jobs/records.h"
#include "tests/support/graph_runner.h"
#include "tests/support/temporary_directory.h"

using namespace bench_jobs;
using weir::test::GraphRunner;
using weir::test::TemporaryDirectory;

namespace {

weir::Result<weir::StreamGraph> build(const std::string& job, const std::vector<std::string>& words) {
  static const auto library = weir::JobLibrary::open(BENCH_JOBS);
  REQUIRE_MESSAGE(library.ok(), (library.ok() ? "" : library.error().message));
  return library->build(job, weir::Arguments(words), {});
}

std::string refusal(const std::string& job, const std::vector<std::string>& words) {
  const auto graph = build(job, words);
  REQUIRE_FALSE(graph.ok());
  return graph.error().message;
}

/// "rows sum" of the fold.
std::string folded(const std::string& words) {
  FILE* pipe = ::popen((std::string(BENCH_JOBS_FOLD) + " " + words).c_str(), "r");
  REQUIRE(pipe != nullptr);
  unsigned long long rows = 0, sum = 0;
  const int found = std::fscanf(pipe, "%llu %llu", &rows, &sum);
  CHECK(::pclose(pipe) == 0);
  CHECK(found == 2);
  return std::to_string(rows) + " " + std::to_string(sum);
}

std::string run(const std::string& job, std::vector<std::string> words) {
  const TemporaryDirectory directory;
  const std::string file = directory.string() + "/result";
  words.insert(words.end(), {"--result", file});
  auto graph = build(job, words);
  REQUIRE_MESSAGE(graph.ok(), (graph.ok() ? "" : graph.error().message));
  CHECK(GraphRunner(std::move(*graph)).run() == "");
  std::string line = weir::test::read_text(file);
  REQUIRE(line.ends_with("\n"));
  line.pop_back();
  return line;
}

}  // namespace

// What the peer's generators make of the same numbers.
TEST_CASE("bench_jobs: records are the peer's, field by field") {
  struct Expected {
    std::uint64_t n;
    Small small;
    Bid bid;
  };
  const std::vector<Expected> all{
      {0u,
       {74156, 28309},
       {43000, 37575, 907058, 0, "ch8588", "https://www.example.com/item.htm?q=4629",
        "nbqntleeucwpgfwiacatklogzdipsa"}},
      {1u,
       {15991, 61699},
       {86000, 40906, 585699, 0, "ch2191", "https://www.example.com/item.htm?q=7010",
        "phrdnxqziiaxlamrxfgrawdaybmtla"}},
      {2u,
       {27860, 40786},
       {50183, 23499, 479847, 0, "ch0872", "https://www.example.com/item.htm?q=0295",
        "dktpyagdkcmnkfdwfqagorcleonyzg"}},
      {3u,
       {34419, 58260},
       {37675, 11894, 531681, 0, "ch6927", "https://www.example.com/item.htm?q=0870",
        "vslrrdayxjscyszimxkhornmnyyoct"}},
      {1000u,
       {33360, 46254},
       {96668, 12923, 354011, 5, "ch9377", "https://www.example.com/item.htm?q=8431",
        "osofsuvyepavvrdojqmckgykmgdlrz"}},
      {123456789u,
       {24111, 61987},
       {34000, 48272, 899545, 617283, "ch1668", "https://www.example.com/item.htm?q=3421",
        "gkmblzujpjidyogfkwjnjsuxmuagde"}},
      {5000000000u,
       {84358, 38578},
       {96382, 47154, 521472, 25000000, "ch4779", "https://www.example.com/item.htm?q=6183",
        "bcqbjugkwpvqummkevvkmuzpqtanuq"}},
  };
  const MakeSmall make_small{100'000};
  const MakeBid make_bid;
  const MakeAuctionPrice make_pushed;
  for (const Expected& expected : all) {
    CAPTURE(expected.n);
    const Small small = make_small(expected.n);
    CHECK(small.key == expected.small.key);
    CHECK(small.value == expected.small.value);
    const Bid bid = make_bid(expected.n);
    CHECK(bid.auction == expected.bid.auction);
    CHECK(bid.bidder == expected.bid.bidder);
    CHECK(bid.price == expected.bid.price);
    CHECK(bid.ts == expected.bid.ts);
    CHECK(bid.channel == expected.bid.channel);
    CHECK(bid.url == expected.bid.url);
    CHECK(bid.extra == expected.bid.extra);
    CHECK(make_pushed(expected.n).auction == expected.bid.auction);
    CHECK(make_pushed(expected.n).price == expected.bid.price);
  }
}

TEST_CASE("bench_jobs: every job's output is what a plain fold gives, by weight and by digest") {
  for (const std::string job :
       {"pass", "filter_project", "filter_project_pushed", "keyed_count_small", "keyed_count_bid"}) {
    CAPTURE(job);
    const std::string light = run(job, {"--records", "50000", "--keys", "1000"});
    CHECK(light == folded(job + " 50000 --keys 1000"));
    const std::string thorough = run(job, {"--records", "50000", "--keys", "1000", "--digests"});
    CHECK(thorough == folded(job + " 50000 --keys 1000 --digests"));
    CHECK(thorough != light);
  }
}

TEST_CASE("bench_jobs: latency counts like a plain fold and times what comes after the skipped part") {
  const std::string all = run("latency", {"--records", "20000", "--skip-ms", "0"});
  CHECK(all.starts_with(folded("latency 20000") + " 20000 "));
  const std::string none = run("latency", {"--records", "20000", "--skip-ms", "60000"});
  CHECK(none == folded("latency 20000") + " 0 0 0 0 0");
}

TEST_CASE("bench_jobs: a histogram answers the lower end of the bucket, within a thirty-second") {
  LatencyHistogram times;
  CHECK(times.at(0.5) == 0);
  for (std::int64_t ns = 1; ns <= 100'000; ++ns) times.add(ns);
  CHECK(times.count() == 100'000);
  CHECK(times.max_ns() == 100'000);
  for (const double quantile : {0.5, 0.99, 0.999}) {
    CHECK(static_cast<double>(times.at(quantile)) <= quantile * 100'000);
    CHECK(static_cast<double>(times.at(quantile)) >= quantile * 100'000 * 31 / 32 - 1);
  }
}

TEST_CASE("bench_jobs: options that make no sense are refused by name") {
  CHECK(refusal("pass", {}).find("--records") != std::string::npos);
  CHECK(refusal("pass", {"--records", "many"}).find("--records") != std::string::npos);
  CHECK(refusal("pass", {"--records", "1", "--result", "here"}).find("--result must be an absolute path") !=
        std::string::npos);
  CHECK(refusal("keyed_count_small", {"--records", "1", "--keys", "0"}).find("--keys") != std::string::npos);
  CHECK(refusal("latency", {"--records", "1", "--skip-ms", "-1"}).find("--skip-ms") != std::string::npos);
  CHECK(refusal("latency", {"--records", "1", "--rate", "-5"}).find("--rate") != std::string::npos);
  CHECK(refusal("latency", {"--records", "1", "--colour", "red"}).find("--colour") != std::string::npos);
}

TEST_CASE("bench_jobs: a result that cannot be written fails the job and names the file") {
  auto graph = build("pass", {"--records", "1", "--result", "/proc/nowhere/result"});
  REQUIRE(graph.ok());
  GraphRunner runner(std::move(*graph));
  CHECK_THROWS_WITH_AS(runner.run(), doctest::Contains("/proc/nowhere/result"), std::runtime_error);
}

#include "taskmanager/artefacts/artefact_cache.h"

#include <doctest/doctest.h>

#include "tests/unit/taskmanager/control/fixtures.h"

using namespace weir;
using namespace weir::taskmanager;
using weir::testing::run_coroutine;

namespace {

ArtefactLimits limits(int retries, std::uint64_t kept = 2ULL << 30) {
  ArtefactLimits limits;
  limits.retries = retries;
  limits.retry_pause = std::chrono::milliseconds(1);
  limits.kept_bytes_max = kept;
  return limits;
}

struct Fixture {
  explicit Fixture(ControlThread& control, const ArtefactLimits& bounds = limits(3))
      : pool(2), cache(control.executor(), pool, clock, blobs, directory.string(), bounds) {}
  ArtefactWanted wanted(const std::string& key) const {
    return {.key = key, .bytes = blobs.contents.at(key).size(), .blob_address = "memory:1"};
  }
  test::TemporaryDirectory directory;
  SystemClock clock;
  BlockingPool pool;
  MemoryBlobs blobs;
  ArtefactCache cache;
};

std::string content_of(std::size_t size, char seed) {
  std::string text(size, seed);
  for (std::size_t i = 0; i < size; i += 97) text[i] = static_cast<char>(i);
  return text;
}

Async<void> ask(Fixture& fixture, ArtefactWanted wanted, int& count) {
  auto work = fixture.cache.lease(std::move(wanted), in_time());
  const auto lease = co_await std::move(work);
  CHECK(lease.ok());
  ++count;
}

// What went wrong; `unknown` when nothing did.
Async<ErrorCode> outcome(Fixture& fixture, ArtefactWanted wanted, SteadyTime deadline = in_time()) {
  auto work = fixture.cache.lease(std::move(wanted), deadline);
  const auto lease = co_await std::move(work);
  co_return lease.ok() ? ErrorCode::unknown : lease.error().code;
}

}  // namespace

TEST_CASE("artefact_cache: an artefact comes in pieces and is whole") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const std::string content = content_of(3'500'000, 'a');
    const auto key = f.blobs.add(content);
    {
      auto work = f.cache.lease(f.wanted(key), in_time());
      const auto lease = co_await std::move(work);
      CHECK(lease.ok());
      CHECK(test::read_text(lease->library()) == content);
      CHECK(f.blobs.offsets.size() == 4);
    }
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: however many ask at once, it is fetched once") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const auto key = f.blobs.add(content_of(100'000, 'b'));
    TaskScope scope(control.executor(), "test");
    int done = 0;
    for (int i = 0; i < 10; ++i) scope.start("ask", ask(f, f.wanted(key), done));
    co_await scope.wait_until_empty();
    CHECK(done == 10);
    CHECK(f.cache.fetches() == 1);
    CHECK(f.blobs.visits == 1);
    co_await scope.close();
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: a broken fetch goes on where it broke") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const auto key = f.blobs.add(content_of(3'000'000, 'c'));
    int failures = 2;
    f.blobs.on_read = [&](std::uint64_t offset) -> Result<void> {
      if (offset == 0 || failures == 0) return {};
      --failures;
      return Error::external(ErrorCode::unavailable, "cut");
    };
    const auto result = co_await outcome(f, f.wanted(key));
    CHECK(*result == ErrorCode::unknown);
    CHECK(std::ranges::count(f.blobs.offsets, 0) == 1);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: a fetch that was given up is continued by the next one") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const auto key = f.blobs.add(content_of(3'000'000, 'd'));
    f.blobs.on_read = [](std::uint64_t offset) -> Result<void> {
      if (offset == 0) return {};
      return Error::external(ErrorCode::unavailable, "cut");
    };
    const auto first = co_await outcome(f, f.wanted(key));
    CHECK(*first == ErrorCode::unavailable);
    f.blobs.on_read = nullptr;
    f.blobs.offsets.clear();
    const auto second = co_await outcome(f, f.wanted(key));
    CHECK(*second == ErrorCode::unknown);
    CHECK(f.blobs.offsets.front() == 1'048'576);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: other bytes than the key says are refused and not kept") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const auto key = f.blobs.add(content_of(1000, 'e'));
    const auto wanted = f.wanted(key);
    f.blobs.contents[key][500] ^= 1;
    const auto first = co_await outcome(f, wanted);
    CHECK(*first == ErrorCode::corrupt);
    CHECK(std::filesystem::is_empty(f.directory.path()));
    f.blobs.contents[key][500] ^= 1;
    const auto second = co_await outcome(f, wanted);
    CHECK(*second == ErrorCode::unknown);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: a server that has another size under the key is refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    auto wanted = f.wanted(f.blobs.add(content_of(1000, 'f')));
    wanted.bytes = 2000;
    const auto result = co_await outcome(f, wanted);
    CHECK(*result == ErrorCode::corrupt);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: a file that is no bundle although it begins as one is refused in words") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const auto result = co_await outcome(f, f.wanted(f.blobs.add("\x1f\x8b no archive")));
    CHECK(*result == ErrorCode::corrupt);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: wrong keys, sizes and addresses are refused") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    std::vector<ArtefactWanted> wrong(7, f.wanted(f.blobs.add("x")));
    wrong[0].key = "../../etc/passwd";
    wrong[1].key = "";
    wrong[2].key[0] = 'G';
    wrong[3].key = std::string(64, 'A');
    wrong[4].bytes = 0;
    wrong[5].bytes = ~0ULL;
    wrong[6].blob_address = "nowhere";
    for (const auto& wanted : wrong) {
      const auto result = co_await outcome(f, wanted);
      CHECK(*result == ErrorCode::invalid_argument);
    }
    ArtefactWanted unknown{.key = std::string(64, 'a'), .bytes = 5, .blob_address = "memory:1"};
    const auto result = co_await outcome(f, unknown);
    CHECK(*result == ErrorCode::not_found);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: who cannot wait longer gets an error, and the fetch goes on") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control, limits(12));
    const auto key = f.blobs.add(content_of(1000, 'g'));
    bool open = false;
    f.blobs.on_read = [&](std::uint64_t) -> Result<void> {
      if (open) return {};
      return Error::external(ErrorCode::unavailable, "not yet");
    };
    const auto hasty = co_await outcome(f, f.wanted(key), f.clock.now() + std::chrono::milliseconds(20));
    CHECK(*hasty == ErrorCode::deadline_exceeded);
    open = true;
    const auto patient = co_await outcome(f, f.wanted(key));
    CHECK(*patient == ErrorCode::unknown);
    CHECK(f.cache.fetches() == 1);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: beyond the cap the artefact goes that was unused for longest, and none in use") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control, limits(0, 2500));
    std::vector<std::string> keys;
    for (const char c : {'1', '2', '3', '4'}) keys.push_back(f.blobs.add(content_of(1000, c)));
    {
      auto first = f.cache.lease(f.wanted(keys[0]), in_time());
      const auto held = co_await std::move(first);
      for (std::size_t i = 1; i < 4; ++i) {
        const auto result = co_await outcome(f, f.wanted(keys[i]));
        CHECK(*result == ErrorCode::unknown);
      }
      CHECK(test::read_text(held->library()).size() == 1000);
      CHECK(f.cache.kept_bytes() == 2000);
    }
    CHECK(f.cache.kept_bytes() == 2000);
    // Its files go on the pool.
    const auto evicted = f.directory.path() / (keys[1] + ".so");
    const auto deadline = in_time();
    while (std::filesystem::exists(evicted) && f.clock.now() < deadline)
      co_await f.clock.sleep_for(std::chrono::milliseconds(1));
    CHECK_FALSE(std::filesystem::exists(evicted));
    const auto again = co_await outcome(f, f.wanted(keys[1]));
    CHECK(*again == ErrorCode::unknown);
    CHECK(f.cache.fetches() == 5);
    co_await f.cache.close();
  });
}

TEST_CASE("artefact_cache: a folder that was removed under it is made anew, and the artefact fetched again") {
  run_coroutine([](ControlThread& control) -> Async<void> {
    Fixture f(control);
    const std::string content = content_of(100'000, 'z');
    const auto key = f.blobs.add(content);
    {
      auto work = f.cache.lease(f.wanted(key), in_time());
      const auto running = co_await std::move(work);
      CHECK(running.ok());
      // While a job runs from it, and several others come at once.
      std::filesystem::remove_all(f.directory.path());
      TaskScope scope(control.executor(), "test");
      int done = 0;
      for (int i = 0; i < 5; ++i) scope.start("ask", ask(f, f.wanted(key), done));
      co_await scope.wait_until_empty();
      CHECK(done == 5);
      co_await scope.close();
      CHECK(f.cache.fetches() == 2);
      CHECK(test::read_text(running->library()) == content);
    }
    // With nobody there, too.
    std::filesystem::remove_all(f.directory.path());
    auto work = f.cache.lease(f.wanted(key), in_time());
    const auto again = co_await std::move(work);
    CHECK(again.ok());
    if (again.ok()) CHECK(test::read_text(again->library()) == content);
    CHECK(f.cache.fetches() == 3);
    co_await f.cache.close();
  });
}

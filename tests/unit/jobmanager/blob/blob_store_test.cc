#include "jobmanager/blob/blob_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>

#include "common/async/task_scope.h"
#include "common/base/try.h"
#include "common/storage/local_file_system.h"
#include "tests/support/run_coroutine.h"
#include "tests/support/temporary_directory.h"

namespace weir::jobmanager {
namespace {

/// Stands in for the reader of ELF notes: a library is a text "jobs a b".
Result<std::vector<JobEntry>> read_text_library(const std::string& path, const std::string& shown_name) {
  const std::string text = test::read_text(path);
  if (!text.starts_with("jobs ")) return Error::user(ErrorCode::invalid_argument, shown_name + " is no library");
  std::vector<JobEntry> entries;
  for (std::size_t at = 5; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    entries.push_back({text.substr(at, end - at), ""});
    at = end + 1;
  }
  return entries;
}

using KeysInUse = std::function<std::set<std::string>()>;

/// A store in a directory of its own.
struct Place {
  explicit Place(ControlThread& control) : executor(control.executor()) {}
  BlobStore make() { return make(files); }
  BlobStore make(FileSystem& over) {
    return BlobStore(executor, pool, over, clock, {directory.string() + "/store", 1000}, read_text_library);
  }
  std::size_t count(const std::string& below) const {
    const auto path = directory.path() / "store" / below;
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
  }

  asio::any_io_executor executor;
  test::TemporaryDirectory directory;
  BlockingPool pool{2};
  LocalFileSystem files;
  SystemClock clock;
};

TEST_CASE("blob_store: an upload is stored under its hash, listed, read in pieces, and found again by the next store") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    const std::string path = place.directory.write("spool", "jobs words");
    std::string id;
    BlobKey key;
    {
      BlobStore store = place.make();
      REQUIRE(store.open().ok());
      auto added = co_await store.add(path, "../../my job.so");
      REQUIRE_MESSAGE(added.ok(), (added.ok() ? "" : added.error().message));
      id = *added;
      CHECK(id.size() > 37);
      CHECK(id.find('/') == std::string::npos);
      CHECK(id.ends_with(".so"));
      CHECK(std::filesystem::exists(path));
      key = store.find(id)->key;
      CHECK(key == blob_key_of("jobs words"));
      auto whole = co_await store.read(key, 0, 1000);
      REQUIRE(whole.ok());
      CHECK(whole->content == "jobs words");
      CHECK(whole->blob_bytes == 10);
      auto piece = co_await store.read(key, 5, 3);
      CHECK(piece->content == "wor");
      auto end = co_await store.read(key, 10, 3);
      CHECK(end->content.empty());
      auto beyond = co_await store.read(key, 11, 3);
      CHECK(beyond.error().code == ErrorCode::invalid_argument);
      auto unknown = co_await store.read(blob_key_of("x"), 0, 3);
      CHECK(unknown.error().code == ErrorCode::not_found);
    }
    BlobStore again = place.make();
    REQUIRE(again.open().ok());
    REQUIRE(again.jars().size() == 1);
    CHECK(again.jars()[0].id == id);
    CHECK(again.jars()[0].artefact.entries[0].name == "words");
    CHECK(again.jars()[0].uploaded.time_since_epoch().count() > 0);
  });
}

TEST_CASE("blob_store: what is refused leaves nothing behind") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    BlobStore store = place.make();
    REQUIRE(store.open().ok());
    struct Case {
      const char* name;
      std::string content;
      const char* sentence;
    };
    const std::vector<Case> cases{
        {"a.so", "", "'a.so' is empty: the upload has 0 bytes"},
        {"a.so", "text", "'a.so' is no library"},
        {"a.jar", "PK\x03\x04", "'a.jar' is no library"},
        {"a.txt", "jobs x",
         "'a.txt' is not taken: a job comes as a job library (.so), a bundle of it (.tar.gz), or either of them named "
         ".jar"},
        {".so", "jobs x", "is not taken"},
        {"a.sql", "SELECT 1", "'a.sql' is a SQL script, and this version of Weir runs job libraries only"},
        {"a.tar.gz", "jobs x", "'a.tar.gz' is not compressed with gzip"},
        {"a.tar.gz", "\x1f\x8bgarbage", "the bundle 'a.tar.gz' is refused: "},
        {"a.so", "jobs " + std::string(1000, 'x'),
         "'a.so' has 1005 bytes; at most 1000 are taken (rest.server.max-content-length)"},
    };
    for (const auto& [name, content, sentence] : cases) {
      const std::string path = place.directory.write("spool", content);
      auto added = co_await store.add(path, name);
      REQUIRE_MESSAGE(!added.ok(), sentence);
      CHECK_MESSAGE(added.error().message.find(sentence) != std::string::npos, added.error().message);
      CHECK(added.error().blame == Blame::user);
    }
    auto missing = co_await store.add(place.directory.string() + "/nothing", "a.so");
    CHECK(!missing.ok());
    CHECK(store.jars().empty());
    for (const char* below : {"blobs", "jars", "unpacked"}) CHECK(place.count(below) == 0);
  });
}

TEST_CASE("blob_store: a bundle is unpacked, its entry library runs, and it is unpacked again when that is gone") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    place.directory.write("tree/libjob.so", "jobs one two");
    place.directory.write("tree/MANIFEST", "Library: libjob.so\nEntry-Job: two\n");
    const std::string bundle = place.directory.string() + "/b.tar.gz";
    REQUIRE(std::system(
                ("tar -C " + place.directory.string() + "/tree -czf " + bundle + " libjob.so MANIFEST").c_str()) == 0);
    BlobStore store = place.make();
    REQUIRE(store.open().ok());
    auto added = co_await store.add(bundle, "b.jar");
    REQUIRE_MESSAGE(added.ok(), (added.ok() ? "" : added.error().message));
    Jar jar = *store.find(*added);
    CHECK(jar.artefact.is_bundle);
    CHECK(*choose_entry(jar.artefact, "") == "two");
    auto path = co_await store.library_path(jar);
    REQUIRE(path.ok());
    CHECK(test::read_text(*path) == "jobs one two");
    std::filesystem::remove_all(std::filesystem::path(*path).parent_path());
    auto again = co_await store.library_path(jar);
    CHECK(test::read_text(*again) == "jobs one two");
    CHECK(place.count("unpacked") == 1);
  });
}

TEST_CASE("blob_store: a bundle whose manifest names a job that is not there is refused") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    place.directory.write("tree/libjob.so", "jobs one");
    place.directory.write("tree/MANIFEST", "Library: libjob.so\nEntry-Job: two\n");
    const std::string bundle = place.directory.string() + "/b.tar.gz";
    REQUIRE(std::system(
                ("tar -C " + place.directory.string() + "/tree -czf " + bundle + " libjob.so MANIFEST").c_str()) == 0);
    BlobStore store = place.make();
    REQUIRE(store.open().ok());
    auto added = co_await store.add(bundle, "b.tar.gz");
    REQUIRE(!added.ok());
    CHECK(added.error().message ==
          "the bundle 'b.tar.gz' is refused: there is no job 'two' in the library; it holds: one");
    CHECK(place.count("unpacked") == 0);
  });
}

TEST_CASE("blob_store: a removed jar is gone; its content goes with the last jar and job that use it") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    const std::string path = place.directory.write("spool", "jobs words");
    BlobStore store = place.make();
    REQUIRE(store.open().ok());
    auto one = co_await store.add(path, "one.so");
    auto two = co_await store.add(path, "two.so");
    REQUIRE(two.ok());
    CHECK(place.count("blobs") == 1);
    const std::string key = store.find(*one)->key.to_hex();
    auto removed = co_await store.remove(*one);
    CHECK(removed.ok());
    removed = co_await store.remove(*one);
    CHECK(removed.error().code == ErrorCode::not_found);
    const KeysInUse none = [] { return std::set<std::string>(); };
    const KeysInUse in_use = [key] { return std::set<std::string>{key}; };
    co_await store.remove_unused(none);
    CHECK(place.count("blobs") == 1);
    removed = co_await store.remove(*two);
    co_await store.remove_unused(in_use);
    CHECK(place.count("blobs") == 1);
    co_await store.remove_unused(none);
    CHECK(place.count("blobs") == 0);
    CHECK(place.count("jars") == 0);
  });
}

/// The local file system, and a gate before one kind of call: whoever comes there waits until the test lets it go on.
class GatedFiles final : public FileSystem {
 public:
  enum class Call { list, remove };
  GatedFiles(FileSystem& files, Call gated) : files_(files), gated_(gated) {}

  Result<std::unique_ptr<ReadableFile>> open(const std::string& path) override { return files_.open(path); }
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override { return files_.create(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    auto names = files_.list(directory);  // what it saw before the gate
    pass(Call::list);
    return names;
  }
  Result<void> remove(const std::string& path) override {
    pass(Call::remove);
    return files_.remove(path);
  }
  Result<void> make_directories(const std::string& path) override { return files_.make_directories(path); }
  Result<void> sync_directory(const std::string& directory) override { return files_.sync_directory(directory); }

  void close_gate() { is_open_ = false; }
  void open_gate() {
    is_open_ = true;
    is_open_.notify_all();
  }
  bool has_somebody() const { return waiting_ > 0; }

 private:
  void pass(Call call) {
    if (call != gated_) return;
    ++waiting_;
    is_open_.wait(false);
    --waiting_;
  }
  FileSystem& files_;
  const Call gated_;
  std::atomic<bool> is_open_{true};
  std::atomic<int> waiting_{0};
};

Async<void> sweep(BlobStore& store, KeysInUse keys) { co_await store.remove_unused(std::move(keys)); }

Async<void> add_and_note(BlobStore& store, std::string path, Result<std::string>& id) {
  id = co_await store.add(std::move(path), "again.so");
}

Async<void> wait_for_somebody(const GatedFiles& files) {
  SystemClock clock;
  for (int tries = 0; tries < 20'000 && !files.has_somebody(); ++tries)
    co_await clock.sleep_for(std::chrono::milliseconds(1));
  CHECK(files.has_somebody());
}

/// A blob without a jar, and a sweep that stands before the gate; meanwhile the same content is uploaded again.
Async<void> upload_during_sweep(ControlThread& control, GatedFiles::Call gated) {
  Place place(control);
  GatedFiles files(place.files, gated);
  BlobStore store = place.make(files);
  REQUIRE(store.open().ok());
  const std::string path = place.directory.write("spool", "jobs words");
  auto first = co_await store.add(path, "first.so");
  REQUIRE(first.ok());
  auto removed = co_await store.remove(*first);
  CHECK(removed.ok());
  TaskScope scope(control.executor(), "test");
  Result<std::string> id = Error::internal("not yet");
  files.close_gate();
  const KeysInUse none = [] { return std::set<std::string>(); };
  scope.start("sweep", sweep(store, none));
  co_await wait_for_somebody(files);
  scope.start("add", add_and_note(store, path, id));
  // As far as it comes: to its end when it need not wait, else to the wait for the removal.
  SystemClock clock;
  for (int tries = 0; tries < 50 && !id.ok(); ++tries) co_await clock.sleep_for(std::chrono::milliseconds(1));
  files.open_gate();
  co_await scope.wait_until_empty();
  co_await scope.close();
  REQUIRE_MESSAGE(id.ok(), (id.ok() ? "" : id.error().message));
  CHECK(place.count("blobs") == 1);
  const auto piece = co_await store.read(store.find(*id)->key, 0, 100);
  CHECK(piece.ok());
}

TEST_CASE("blob_store: an upload of content that a sweep has just found unused keeps it") {
  testing::run_coroutine(
      [](ControlThread& control) -> Async<void> { co_await upload_during_sweep(control, GatedFiles::Call::list); });
}

TEST_CASE("blob_store: an upload of content that is being deleted stores it anew") {
  testing::run_coroutine(
      [](ControlThread& control) -> Async<void> { co_await upload_during_sweep(control, GatedFiles::Call::remove); });
}

TEST_CASE("blob_store: a pinned blob stays without a jar, until the last pin goes or its job is known") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    BlobStore store = place.make();
    REQUIRE(store.open().ok());
    const std::string path = place.directory.write("spool", "jobs words");
    auto jar = co_await store.add(path, "a.so");
    REQUIRE(jar.ok());
    const BlobKey key = store.find(*jar)->key;
    const KeysInUse none = [] { return std::set<std::string>(); };
    {
      const BlobStore::Pin planning(store, key);
      const BlobStore::Pin planning_again(store, key);
      auto removed = co_await store.remove(*jar);
      CHECK(removed.ok());
      co_await store.remove_unused(none);
      CHECK(place.count("blobs") == 1);
    }
    co_await store.remove_unused(none);
    CHECK(place.count("blobs") == 0);
  });
}

TEST_CASE("blob_store: the jobs are asked after the files were listed, so that a job submitted meanwhile counts") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    GatedFiles files(place.files, GatedFiles::Call::list);
    BlobStore store = place.make(files);
    REQUIRE(store.open().ok());
    const std::string path = place.directory.write("spool", "jobs words");
    auto jar = co_await store.add(path, "a.so");
    REQUIRE(jar.ok());
    std::set<std::string> used_by_jobs;
    const std::string key = store.find(*jar)->key.to_hex();
    auto removed = co_await store.remove(*jar);
    CHECK(removed.ok());
    TaskScope scope(control.executor(), "test");
    files.close_gate();
    const KeysInUse of_jobs = [&used_by_jobs] { return used_by_jobs; };
    scope.start("sweep", sweep(store, of_jobs));
    co_await wait_for_somebody(files);
    used_by_jobs.insert(key);
    files.open_gate();
    co_await scope.wait_until_empty();
    co_await scope.close();
    CHECK(place.count("blobs") == 1);
  });
}

TEST_CASE("blob_store: damage is noticed before a byte is given out, and at the next start") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    const std::string path = place.directory.write("spool", "jobs words");
    {
      BlobStore store = place.make();
      REQUIRE(store.open().ok());
      auto added = co_await store.add(path, "a.so");
      REQUIRE(added.ok());
      const BlobKey key = store.find(*added)->key;
      place.directory.write("store/blobs/" + key.to_hex(), "jobs wordz");
      auto read = co_await store.read(key, 0, 10);
      REQUIRE(!read.ok());
      CHECK(read.error().code == ErrorCode::corrupt);
      place.directory.write("store/blobs/" + key.to_hex(), "rubbish");
      place.directory.write("store/jars/other_b.so", "not a line of ours");
      place.directory.write("store/blobs/x.inprogress.1", "half");
    }
    BlobStore again = place.make();
    CHECK(again.open().ok());
    CHECK(again.jars().empty());
  });
}

TEST_CASE("artefact: the entry is the wanted one, else the only one; else the known ones are listed") {
  const JobArtefact two{false, "", "", {{"a", ""}, {"b", ""}}};
  const JobArtefact one{false, "", "", {{"a", ""}}};
  CHECK(*choose_entry(one, "") == "a");
  CHECK(*choose_entry(two, "b") == "b");
  CHECK(choose_entry(two, "c").error().message == "there is no job 'c' in the library; it holds: a, b");
  CHECK(choose_entry(two, "").error().message == "the library holds several jobs; say which with --class: a, b");
  CHECK(choose_entry(one, "\x1b[31m").error().message == "there is no job '\\x1b[31m' in the library; it holds: a");
}

TEST_CASE("blob_store: folders that were removed under it are made anew, and a jar whose file has gone says so") {
  testing::run_coroutine([](ControlThread& control) -> Async<void> {
    Place place(control);
    const std::string path = place.directory.write("spool", "jobs words");
    BlobStore store = place.make();
    REQUIRE(store.open().ok());
    auto first = co_await store.add(path, "words.so");
    REQUIRE(first.ok());
    std::filesystem::remove_all(place.directory.path() / "store");
    auto gone = co_await store.library_path(*store.find(*first));
    REQUIRE(!gone.ok());
    CHECK(gone.error().message.find("upload it again") != std::string::npos);
    auto second = co_await store.add(path, "words.so");
    REQUIRE_MESSAGE(second.ok(), (second.ok() ? "" : second.error().message));
    auto there = co_await store.library_path(*store.find(*second));
    CHECK(there.ok());
    CHECK(place.count("blobs") == 1);
  });
}

}  // namespace
}  // namespace weir::jobmanager

#include "common/storage/bundle.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

using namespace weir;

namespace {

struct Folder {
  Folder() {
    const char* base = std::getenv("TMPDIR");
    path = std::string(base != nullptr ? base : "/tmp") + "/bundle_XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

std::string entry(const std::string& name, const std::string& content, char kind = '0',
                  const std::string& mode = "0000755") {
  std::string header(512, '\0');
  header.replace(0, std::min<std::size_t>(name.size(), 100), name.substr(0, 100));
  header.replace(100, 7, mode);
  header.replace(124, 11, fmt::format("{:011o}", content.size()));
  header[156] = kind;
  header.replace(257, 8, std::string("ustar\00000", 8));
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

const std::string kEnd(1024, '\0');

std::string gzipped(const Folder& folder, const std::string& tar) {
  const std::string path = folder.path + "/bundle.tar.gz";
  const gzFile file = ::gzopen(path.c_str(), "wb");
  ::gzwrite(file, tar.data(), static_cast<unsigned>(tar.size()));
  ::gzclose(file);
  return path;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Result<void> unpack(const Folder& folder, const std::string& tar, BundleLimits limits = {}) {
  return unpack_bundle(gzipped(folder, tar), folder.path + "/out", limits);
}

void check_refused(const std::string& tar, const std::string& part) {
  const Folder folder;
  const auto result = unpack(folder, tar);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::corrupt);
  CHECK(result.error().blame == Blame::user);
  CAPTURE(result.error().message);
  CHECK(result.error().message.find(part) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path + "/out"));
}

}  // namespace

TEST_CASE("bundle: files and directories come out as they went in") {
  const Folder folder;
  const std::string big(200'000, 'b');
  REQUIRE(unpack(folder, entry("./", "", '5') + entry("./job.so", "code") + entry("lib/", "", '5') +
                             entry("lib/libgeo.so.3", big, '0', "0000644") + entry("deep/er/x", "") + kEnd)
              .ok());
  CHECK(text_of(folder.path + "/out/job.so") == "code");
  CHECK(text_of(folder.path + "/out/lib/libgeo.so.3") == big);
  CHECK(std::filesystem::exists(folder.path + "/out/deep/er/x"));
  using std::filesystem::perms;
  CHECK((std::filesystem::status(folder.path + "/out/job.so").permissions() & perms::owner_exec) != perms::none);
  CHECK((std::filesystem::status(folder.path + "/out/lib/libgeo.so.3").permissions() & perms::owner_exec) ==
        perms::none);
}

TEST_CASE("bundle: long names in GNU's and in the pax form are understood") {
  const Folder folder;
  const std::string gnu = "a/" + std::string(150, 'g');
  const std::string pax = "b/" + std::string(150, 'p');
  const std::string record = fmt::format("{} path={}\n", pax.size() + 10, pax);
  REQUIRE(unpack(folder, entry("pax_global_header", "52 comment=x\n", 'g') + entry("././@LongLink", gnu + '\0', 'L') +
                             entry(gnu.substr(0, 100), "1") + entry("x", record, 'x') + entry("short", "2") + kEnd)
              .ok());
  CHECK(text_of(folder.path + "/out/" + gnu) == "1");
  CHECK(text_of(folder.path + "/out/" + pax) == "2");
}

TEST_CASE("bundle: a name that leaves the directory is refused") {
  for (const std::string name : {"../evil", "/etc/evil", "a/../../evil", "a//b", "..", "a/..", "x\ny", "./../evil"}) {
    check_refused(entry(name, "x") + kEnd, "would leave");
  }
  check_refused(entry("././@LongLink", std::string("../") + std::string(120, 'x') + '\0', 'L') + entry("x", "1") + kEnd,
                "would leave");
  check_refused(entry("x", "20 path=../../evil\n", 'x') + entry("x", "1") + kEnd, "would leave");
}

TEST_CASE("bundle: links and devices are refused") {
  for (const char kind : {'1', '2', '3', '4', '6', '7', 'S', 'z'})
    check_refused(entry("x", "", kind) + kEnd, "link or a device");
}

TEST_CASE("bundle: the same file twice is refused") {
  check_refused(entry("x", "1") + entry("x", "2") + kEnd, "twice");
}

TEST_CASE("bundle: an archive cut anywhere is refused") {
  const std::string tar = entry("job.so", std::string(700, 'c')) + entry("b", "2") + kEnd;
  for (const std::size_t size : {0U, 1U, 511U, 512U, 600U, 1211U, 1212U, 1536U, 2000U, 2560U}) {
    check_refused(tar.substr(0, size), "cut short");
  }
}

TEST_CASE("bundle: a damaged header, size or compression is refused") {
  std::string tar = entry("job.so", "code") + kEnd;
  std::string wrong = tar;
  wrong[3] = 'X';
  check_refused(wrong, "no tar archive");
  check_refused(std::string(2048, 'x'), "no tar archive");
  const Folder folder;
  const auto path = gzipped(folder, entry("job.so", std::string(100'000, 'c')) + kEnd);
  std::string bytes = text_of(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
  std::ofstream(path) << bytes;
  CHECK(unpack_bundle(path, folder.path + "/out", {}).error().code == ErrorCode::corrupt);
  std::ofstream(path) << "no gzip at all";
  CHECK(unpack_bundle(path, folder.path + "/out", {}).error().message.find("no .tar.gz") != std::string::npos);
  CHECK(unpack_bundle(folder.path + "/none", folder.path + "/out", {}).error().code == ErrorCode::io);
}

TEST_CASE("bundle: more bytes or entries than allowed are refused before they are written") {
  const Folder folder;
  CHECK(unpack(folder, entry("a", std::string(1001, 'x')) + kEnd, {.bytes_max = 1000}).error().code ==
        ErrorCode::resource_exhausted);
  CHECK_FALSE(std::filesystem::exists(folder.path + "/out"));
  CHECK(unpack(folder, entry("a", "") + entry("b", "") + kEnd, {.files_max = 1}).error().code ==
        ErrorCode::resource_exhausted);
}

TEST_CASE("bundle: random damage never leaves the directory and never breaks") {
  std::mt19937 random(99);
  const std::string whole =
      entry("lib/", "", '5') + entry("lib/a.so", std::string(600, 'a')) + entry("b.so", "bb") + kEnd;
  for (int round = 0; round < 300; ++round) {
    const Folder folder;
    std::string tar = whole;
    for (int i = 0; i < 4; ++i) tar[random() % tar.size()] = static_cast<char>(random());
    (void)unpack(folder, tar).ok();
    std::size_t outside = 0;
    for (const auto& item : std::filesystem::directory_iterator(folder.path)) {
      outside += item.path().filename() != "out" && item.path().filename() != "bundle.tar.gz";
    }
    CHECK(outside == 0);
  }
}

TEST_CASE("bundle: the manifest names library and job") {
  const Folder folder;
  REQUIRE(unpack(folder, entry("lib/job.so", "x") + entry("a.so", "x") + entry("b.so", "x") +
                             entry("MANIFEST", "# mine\n\nLibrary:  ./lib/job.so \r\nEntry-Job: cities\n") + kEnd)
              .ok());
  const auto manifest = read_manifest(folder.path + "/out");
  REQUIRE(manifest.ok());
  CHECK(manifest->library == "lib/job.so");
  CHECK(manifest->entry_job == "cities");
}

TEST_CASE("bundle: without a manifest the only library at the root is the entry") {
  const Folder folder;
  REQUIRE(unpack(folder, entry("job.so", "x") + entry("lib/other.so", "x") + kEnd).ok());
  CHECK(read_manifest(folder.path + "/out")->library == "job.so");
}

TEST_CASE("bundle: a manifest that cannot be followed says what to do") {
  const auto message = [](const std::string& tar) {
    const Folder folder;
    REQUIRE(unpack(folder, tar + kEnd).ok());
    const auto manifest = read_manifest(folder.path + "/out");
    REQUIRE_FALSE(manifest.ok());
    CHECK(manifest.error().blame == Blame::user);
    return manifest.error().message;
  };
  CHECK(message(entry("x.txt", "")).find("no libraries (.so) at its root") != std::string::npos);
  CHECK(message(entry("a.so", "") + entry("b.so", "")).find("2 libraries") != std::string::npos);
  CHECK(message(entry("MANIFEST", "Library: none.so\n")).find("not in it: none.so") != std::string::npos);
  CHECK(message(entry("MANIFEST", "Library: ../none.so\n")).find("not in it") != std::string::npos);
  CHECK(message(entry("MANIFEST", "Main-Class: X\n")).find("line 1: Main-Class") != std::string::npos);
  CHECK(message(entry("MANIFEST", std::string(70'000, 'x'))).find("64 KiB") != std::string::npos);
}

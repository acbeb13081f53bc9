#include "common/http/multipart.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>

#include "common/http/form_spool.h"
#include "common/http/json.h"
#include "tests/support/temporary_directory.h"

using weir::ErrorCode;
using weir::Result;
using weir::http::boundary_of;
using weir::http::MultipartLimits;
using weir::http::MultipartParser;
using weir::http::parse_part_head;
using weir::http::PartHead;
using weir::http::PartSink;
using weir::http::safe_file_name;

namespace {

/// Writes down what the parser says: "[name|file|type]bytes;"
class Record : public PartSink {
 public:
  Result<void> begin_part(const PartHead& head) override {
    text += "[" + head.name + "|" + (head.is_file ? "'" + head.file_name + "'" : "") + "|" + head.content_type + "]";
    return {};
  }
  Result<void> part_data(std::string_view bytes) override {
    text += bytes;
    return {};
  }
  Result<void> end_part() override {
    text += ";";
    return {};
  }
  std::string text;
};

/// The record of a body fed in pieces of `piece` bytes, or "error: ...".
std::string parse(std::string_view body, std::size_t piece) {
  Record record;
  MultipartParser parser("XX", MultipartLimits(), record);
  while (!body.empty()) {
    std::size_t bytes = std::min(piece, body.size());
    Result<void> fed = parser.feed(body.substr(0, bytes));
    if (!fed.ok()) return "error: " + fed.error().message;
    body.remove_prefix(bytes);
  }
  Result<void> finished = parser.finish();
  return finished.ok() ? record.text : "error: " + finished.error().message;
}

const std::string kFile =
    "--XX\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"a.so\"\r\nContent-Type: x/y\r\n\r\n"
    "one\r\n--X\r\n--XY two\r\r\n\r\n--XX\r\ncontent-disposition: form-data; name=note\r\n\r\n\r\n--XX--\r\nepilogue";

}  // namespace

TEST_CASE("multipart: files and values are found, wherever the pieces are cut") {
  for (std::size_t piece : {1u, 2u, 3u, 5u, 7u, 16u, 1000u}) {
    INFO("pieces of ", piece);
    CHECK(parse(kFile, piece) == "[jarfile|'a.so'|x/y]one\r\n--X\r\n--XY two\r\r\n;[note||];");
  }
}

TEST_CASE("multipart: text before the first boundary and space after a boundary do not count") {
  CHECK(parse("hello\r\n--XX \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--", 4) == "[a||]1;");
}

TEST_CASE("multipart: malformed forms are refused with a sentence") {
  const std::string head = "Content-Disposition: form-data; name=a";
  struct Case {
    std::string body;
    std::string sentence;
  };
  std::vector<Case> cases = {
      {"", "the boundary that the Content-Type names does not occur"},
      {"--YY\r\n", "the boundary that the Content-Type names does not occur"},
      {"--XX\r\n" + head + "\r\n\r\nabc", "cut short"},
      {"--XX\r\n" + head + "\r\n\r\nabc\r\n--XX", "cut short"},
      {"--XXjunk", "a boundary that does not end its line"},
      {"--XX\rjunk", "a boundary that does not end its line"},
      {"--XX" + std::string(100, ' '), "too much space"},
      {"--XX\r\n\r\nabc\r\n--XX--", "a part without Content-Disposition"},
      {"--XX\r\nno colon here\r\n\r\n\r\n--XX--", "a line without ':'"},
      {"--XX\r\n" + head + "\r\n" + head + "\r\n\r\n\r\n--XX--", "two Content-Dispositions"},
      {"--XX\r\n" + head + "\r\n folded\r\n\r\n\r\n--XX--", "folded"},
      {"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--XX--", "not form-data"},
      {"--XX\r\nContent-Disposition: form-data\r\n\r\n\r\n--XX--", "without a name"},
      {"--XX\r\n" + head + "; name=b\r\n\r\n\r\n--XX--", "two names"},
      {"--XX\r\n" + head + "; filename=x; filename=y\r\n\r\n\r\n--XX--", "two file names"},
      {"--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--XX--", "quoted text without its end"},
      {"--XX\r\nContent-Disposition: form-data; name\r\n\r\n\r\n--XX--", "a parameter without '='"},
      {"--XX\r\n" + head + "\r\nX: " + std::string(9000, 'x') + "\r\n\r\n\r\n--XX--", "longer than 8192 bytes"},
      {"--XX\r\n" + std::string(9000, 'x'), "longer than 8192 bytes"},
      {std::string("--XX\r\nContent-Disposition: form-data; name=a\0b\r\n\r\n\r\n--XX--", 58), "control character"},
  };
  for (const Case& one : cases) {
    for (std::size_t piece : {1u, 4096u}) {
      std::string outcome = parse(one.body, piece);
      INFO(one.sentence, " / ", outcome);
      CHECK(outcome.starts_with("error: malformed form: "));
      CHECK(outcome.find(one.sentence) != std::string::npos);
    }
  }
}

TEST_CASE("multipart: more parts than the limit are refused") {
  std::string body;
  for (int i = 0; i < 65; ++i) body += "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
  CHECK(parse(body + "--XX--", 4096) == "error: malformed form: more than 64 parts");
}

TEST_CASE("multipart: the content comes out as it went in, for any bytes and any cuts") {
  std::mt19937 random(20240601);
  const std::string letters = "-X\r\nab";
  for (int round = 0; round < 300; ++round) {
    std::string content;
    for (std::size_t i = random() % 60; i > 0; --i) content.push_back(letters[random() % letters.size()]);
    if (("\r\n" + content).find("\r\n--XX") != std::string::npos) continue;
    std::string body =
        "--XX\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n" + content + "\r\n--XX--\r\n";
    CHECK(parse(body, 1 + random() % 20) == "[f|'f'|]" + content + ";");
  }
}

TEST_CASE("form_spool: an upload directory that was removed is made anew") {
  weir::test::TemporaryDirectory place;
  const std::string directory = place.string() + "/uploads";
  for (int round = 0; round < 2; ++round) {
    std::filesystem::remove_all(directory);
    weir::http::FormSpool spool(directory);
    PartHead head;
    head.name = "jarfile";
    head.is_file = true;
    REQUIRE(spool.begin_part(head).ok());
    REQUIRE(spool.part_data("content").ok());
    REQUIRE(spool.end_part().ok());
    CHECK(weir::test::read_text(spool.take_parts().at(0).file->path()) == "content");
  }
}

TEST_CASE("multipart: a quoted file name keeps its backslashes, unless they escape a quote") {
  CHECK(parse_part_head(R"(Content-Disposition: form-data; name="a"; filename="C:\dir\x.so")").value().file_name ==
        R"(C:\dir\x.so)");
  CHECK(parse_part_head(R"(Content-Disposition: form-data; name="a"; filename="say \"hi\"; x.so")").value().file_name ==
        R"(say "hi"; x.so)");
}

TEST_CASE("multipart: the boundary is read from the content type") {
  CHECK(boundary_of("multipart/form-data; boundary=abc").value() == "abc");
  CHECK(boundary_of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").value() == "a b");
}

TEST_CASE("multipart: a content type without a usable boundary is refused") {
  for (std::string text : {"", "application/json", "multipart/mixed; boundary=a", "multipart/form-data",
                           "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a",
                           "multipart/form-data; x", "multipart/form-data; boundary=\"a\r\nb\""}) {
    INFO(text);
    CHECK_FALSE(boundary_of(text).ok());
  }
  CHECK_FALSE(boundary_of("multipart/form-data; boundary=" + std::string(71, 'a')).ok());
}

TEST_CASE("multipart: a client's file name is never a path") {
  CHECK(safe_file_name("job.so") == "job.so");
  CHECK(safe_file_name("../../etc/passwd") == "passwd");
  CHECK(safe_file_name("C:\\jobs\\my job.so") == "my_job.so");
  CHECK(safe_file_name("..") == "unnamed");
  CHECK(safe_file_name("") == "unnamed");
  CHECK(safe_file_name("a/") == "unnamed");
  CHECK(safe_file_name(".hidden") == "hidden");
  CHECK(safe_file_name(std::string("a\0b.so", 6)) == "a_b.so");
  CHECK(safe_file_name(std::string(300, 'a') + ".so").size() == 100);
  CHECK(safe_file_name(std::string(300, 'a') + ".so").ends_with(".so"));
}

TEST_CASE("json: a string is escaped, and broken UTF-8 is replaced") {
  std::string out;
  weir::http::append_json_string(out, "a\"\\\n\t\x01 k8s测试 \xff\xc0\x80\xed\xa0\x80");
  CHECK(out ==
        "\"a\\\"\\\\\\n\\t\\u0001 k8s测试 \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

#include "weir/file_path.h"

#include <doctest/doctest.h>

#include <string>

using namespace weir;

TEST_CASE("file path: every way to write an absolute path gives that path") {
  const std::pair<std::string, std::string> table[] = {
      {"/data/a.log", "/data/a.log"},
      {"file:/data/a.log", "/data/a.log"},
      {"file:///data/a.log", "/data/a.log"},
      {"file://localhost/data/a.log", "/data/a.log"},
      {"file:///", "/"},
      {"/", "/"},
      {"/with blanks and %20 and ü", "/with blanks and %20 and ü"},
      {"file:///logs/*.gz", "/logs/*.gz"},
      {"/a:/b", "/a:/b"},
      {"/s3://x", "/s3://x"},
      {"//net/a", "//net/a"},
  };
  for (const auto& [text, path] : table) {
    INFO(text);
    const auto parsed = parse_file_path(text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == path);
  }
}

TEST_CASE("file path: what is no absolute path of this machine is refused with the way out") {
  const std::string relative =
      " is relative, and client, planner and workers stand in different directories: give an absolute one";
  const std::pair<std::string, std::string> table[] = {
      {"data/a.log", "the path 'data/a.log'" + relative},
      {"file:data", "the path 'file:data'" + relative},
      {"./a", "the path './a'" + relative},
      {"a:b", "the path 'a:b'" + relative},
      {"", "the path '' is empty: give an absolute one"},
      {"file:", "the path 'file:' is empty: give an absolute one"},
      {"file://", "the path 'file://' is empty: give an absolute one"},
      {"file://localhost", "the path 'file://localhost' is empty: give an absolute one"},
      {"file://other/data",
       "the path 'file://other/data' names the machine 'other': files are those of the workers' machines; write file:/ "
       "and the path, or file:///"},
      {"s3://bucket/key",
       "the path 's3://bucket/key' is one of 's3:', and only files can be read and written: give an absolute path, or "
       "file:/ and the path"},
      {"hdfs:/x",
       "the path 'hdfs:/x' is one of 'hdfs:', and only files can be read and written: give an absolute path, or file:/ "
       "and the path"},
      {std::string("/a\0b", 4), "the path '/a' holds a zero byte"},
  };
  for (const auto& [text, sentence] : table) {
    INFO(text);
    const auto parsed = parse_file_path(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message == sentence);
  }
}

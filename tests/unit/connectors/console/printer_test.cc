#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "weir/connectors/console.h"

using namespace weir;
using namespace weir::connectors;
using weir::test::FakeOperatorContext;
using weir::test::RowOutput;

namespace {

struct Pair {
  std::int32_t a = 0;
  std::string b;
};

/// Standard output led into a pipe, for as long as it lives.
class CapturedOutput {
 public:
  CapturedOutput() {
    std::fflush(stdout);
    saved_ = ::dup(STDOUT_FILENO);
    REQUIRE(::pipe2(pipe_, O_CLOEXEC) == 0);
    ::dup2(pipe_[1], STDOUT_FILENO);
    ::fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
  }
  ~CapturedOutput() {
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  CapturedOutput(const CapturedOutput&) = delete;
  CapturedOutput& operator=(const CapturedOutput&) = delete;

  std::string take() {
    std::string text;
    char buffer[65536];
    for (ssize_t got; (got = ::read(pipe_[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(got));
    return text;
  }

 private:
  int saved_ = -1;
  int pipe_[2] = {-1, -1};
};

template <class T>
std::string printed(const PrintSink<T>& sink, const std::vector<T>& records, std::uint32_t subtask,
                    std::uint32_t subtasks) {
  FakeOperatorContext context(subtask, subtasks);
  RowOutput<T> nowhere([](const T&) {});
  const auto writer = sink.make_writer();
  REQUIRE(writer->open(context).ok());
  weir::test::feed(*writer, context, records, nowhere);
  CapturedOutput output;
  std::string text;
  for (int rounds = 0; rounds < 10'000; ++rounds) {
    const Result<Progress> progress = writer->ready(nowhere);
    text += output.take();
    if (!progress.ok() || progress->kind == Progress::Kind::more) break;
  }
  writer->close();
  return text;
}

}  // namespace

TEST_CASE("print: one subtask prints the records, several put their number in front as Flink does") {
  const std::vector<Pair> records{{1, "x"}, {2, "y"}};
  CHECK(printed(PrintSink<Pair>(), records, 0, 1) == "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n");
  CHECK(printed(PrintSink<Pair>(), records, 1, 2) == "2> {\"a\":1,\"b\":\"x\"}\n2> {\"a\":2,\"b\":\"y\"}\n");
  CHECK(printed(PrintSink<Pair>("out"), {{1, "x"}}, 0, 1) == "out> {\"a\":1,\"b\":\"x\"}\n");
  CHECK(printed(PrintSink<Pair>("out"), {{1, "x"}}, 2, 4) == "out:3> {\"a\":1,\"b\":\"x\"}\n");
}

TEST_CASE("print: text is printed as it is") {
  CHECK(printed(PrintSink<std::string>(), {"a \"b\""}, 0, 1) == "a \"b\"\n");
}

TEST_CASE("print: a full pipe blocks the sink and loses nothing, whatever the lines' lengths") {
  std::vector<std::string> records;
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    records.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i * 37 % 9000), 'x'));
    expected += records.back() + "\n";
  }
  CHECK(printed(PrintSink<std::string>(), records, 0, 1) == expected);
}

#include "taskmanager/jobs/crash_stack.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>
#include <variant>

#include "common/base/sanitizer.h"
#include "common/observe/log.h"
#include "taskmanager/crash/crash_handler.h"
#include "taskmanager/jobs/child_process.h"

namespace weir::taskmanager {
namespace {

constexpr std::chrono::seconds kTimeMax{10};  // a library with a gigabyte of debug information takes two
constexpr rlim_t kMemoryBytesMax = 4ULL << 30;
constexpr std::size_t kTextBytesMax = 256 * 1024;

// Reads to the end of the stream, or to the limit.
Async<void> read_all(asio::posix::stream_descriptor& stream, std::string& text) {
  std::string room(16 * 1024, '\0');
  boost::system::error_code error;
  while (!error && text.size() < kTextBytesMax) {
    const auto size =
        co_await stream.async_read_some(asio::buffer(room), asio::redirect_error(asio::use_awaitable, error));
    text.append(room, 0, size);
  }
}

// An anonymous file with the report, at its beginning.
UniqueFd as_file(const std::string& bytes) {
  UniqueFd file(::memfd_create("crash-report", MFD_CLOEXEC));
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return UniqueFd();
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace

Async<std::string> crash_stack(asio::any_io_executor executor, Clock& clock, const std::string& executable,
                               const CrashReport& report, const std::string& report_bytes) {
  using namespace asio::experimental::awaitable_operators;
  const UniqueFd input = as_file(report_bytes);
  std::array<int, 2> ends{-1, -1};
  if (!input.valid() || ::pipe2(ends.data(), O_CLOEXEC) != 0) co_return located_stack(report);
  asio::posix::stream_descriptor output(executor, ends[0]);
  UniqueFd output_end(ends[1]);
  ProcessSpec spec;
  spec.executable = executable;
  spec.standard_input = input.get();
  spec.standard_output = output_end.get();
  spec.arguments.assign({executable, "--symbolise-crash"});
  spec.environment.assign({"LANG=C.UTF-8"});
  auto child = ChildProcess::start(executor, spec);
  output_end.reset(-1);
  if (!child.ok()) co_return located_stack(report);
  std::string text;
  auto reading = read_all(output, text);
  auto limit = clock.sleep_for(kTimeMax);
  auto race = std::move(reading) || std::move(limit);
  const auto outcome = co_await std::move(race);
  if (outcome.index() == 1) child->kill();
  auto ending = child->wait();
  const auto exit = co_await std::move(ending);
  if (exit.ok() && !exit->by_signal && exit->number == 0 && !text.empty()) co_return text;
  LOG_WARN("the stack of a crashed worker could not be symbolised: it has modules and offsets only");
  co_return located_stack(report);
}

int symbolise_crash_from_stdin() {
  const rlimit memory{kMemoryBytesMax, kMemoryBytesMax};
  const rlimit no_core{0, 0};
  if (kLimitsAddressSpace) ::setrlimit(RLIMIT_AS, &memory);
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::string bytes(kCrashReportBytesMax, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), stdin));
  const auto report = parse_crash_report(bytes);
  if (!report.ok()) return 1;
  const std::string text = symbolised_stack(*report);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace weir::taskmanager

#include "taskmanager/crash/crash_handler.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "taskmanager/crash/crash_report.h"
#include "tests/support/sanitizer.h"

using namespace weir::taskmanager;

namespace {

struct Death {
  int status = 0;
  std::string report;
};

// Runs a function of a user's library in a child that has the handler, to the child's end.
Death die_in(const char* library, const char* function, bool on_own_thread = false) {
  const int descriptor = ::memfd_create("crash", MFD_CLOEXEC);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, 2);
    ::alarm(20);
    install_crash_handler(descriptor);
    void* handle = ::dlopen(library, RTLD_NOW);
    auto* run = handle == nullptr ? nullptr : reinterpret_cast<void (*)()>(::dlsym(handle, function));
    if (run == nullptr) ::_exit(99);
    if (on_own_thread) {
      std::thread([&] {
        const CrashStack stack;
        ::pthread_setname_np(::pthread_self(), "slot-3");
        run();
      }).join();
    } else {
      const CrashStack stack;
      run();
    }
    ::_exit(98);
  }
  Death death;
  ::waitpid(child, &death.status, 0);
  std::string bytes(static_cast<std::size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
  const auto size = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  death.report = bytes.substr(0, size < 0 ? 0 : static_cast<std::size_t>(size));
  ::close(descriptor);
  return death;
}

CrashReport parsed(const Death& death) {
  auto report = parse_crash_report(death.report);
  REQUIRE_MESSAGE(report.ok(), report.error().message);
  return std::move(report).value();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("crash_handler: a bad pointer is reported with signal, address, function and line") {
  const Death death = die_in(CRASHING_LIBRARY, "bad_pointer");
  CHECK(WIFSIGNALED(death.status));
  CHECK(WTERMSIG(death.status) == SIGSEGV);
  const CrashReport report = parsed(death);
  CHECK(report.complete);
  CHECK(describe(report).starts_with("SIGSEGV (11): no memory at address 0x0"));
  const std::string stack = symbolised_stack(report);
  CAPTURE(stack);
  CHECK(stack.starts_with("    at weir_test::write_to(int*) ("));
  CHECK(contains(stack, "crashing_library.cc:12)"));
  CHECK(contains(stack, "at bad_pointer ("));
}

TEST_CASE("crash_handler: a stack overflow on a slot's thread is reported as one, with its recursion") {
  const Death death = die_in(CRASHING_LIBRARY, "endless_recursion", true);
  CHECK(WTERMSIG(death.status) == SIGSEGV);
  const CrashReport report = parsed(death);
  CHECK(report.complete);
  CHECK(describe(report) == "SIGSEGV (11): stack overflow, in thread slot-3");
  CHECK(report.frames.size() > 50);
  CHECK(report.frames.size() <= kCrashFramesMax);
  const std::string stack = symbolised_stack(report);
  CAPTURE(stack);
  CHECK(contains(stack, "at weir_test::descend(int)"));
  CHECK(contains(stack, "more times)"));
}

TEST_CASE("crash_handler: a stack overflow on the main thread is reported as one") {
  const CrashReport report = parsed(die_in(CRASHING_LIBRARY, "endless_recursion"));
  CHECK(describe(report).starts_with("SIGSEGV (11): stack overflow"));
}

TEST_CASE("crash_handler: a call of a null function names the caller") {
  const CrashReport report = parsed(die_in(CRASHING_LIBRARY, "bad_call"));
  CHECK(report.complete);
  const std::string stack = symbolised_stack(report);
  CAPTURE(stack);
  CHECK(contains(stack, "at bad_call ("));
}

TEST_CASE("crash_handler: a corrupted heap ends in a report although malloc holds its lock" *
          weir::test::not_under(weir::Sanitizer::address,
                                "the sanitizer's own malloc sees the second free and ends the process") *
          weir::test::not_under(weir::Sanitizer::thread,
                                "the sanitizer's own malloc does not abort at the second free")) {
  const Death death = die_in(CRASHING_LIBRARY, "heap_corruption");
  CHECK(WTERMSIG(death.status) == SIGABRT);
  const CrashReport report = parsed(death);
  CHECK(report.complete);
  CHECK(describe(report).starts_with("SIGABRT (6)"));
  const std::string stack = symbolised_stack(report);
  CAPTURE(stack);
  CHECK(contains(stack, "at heap_corruption ("));
}

TEST_CASE("crash_handler: a destroyed stack still gives signal, registers and maps" *
          weir::test::not_under(
              weir::Sanitizer::thread,
              "the sanitizer lets no second fault into a handler, which the walk over such a stack causes")) {
  const Death death = die_in(CRASHING_LIBRARY, "destroyed_stack");
  CHECK(WTERMSIG(death.status) == SIGSEGV);
  const CrashReport report = parsed(death);
  CHECK(report.complete);
  CHECK(report.value_of("rsp") == 0x10);
  CHECK_FALSE(report.frames.empty());
  CHECK(contains(symbolised_stack(report), "at destroyed_stack ("));
}

TEST_CASE("crash_handler: a division by zero is reported") {
  const Death death = die_in(CRASHING_LIBRARY, "divide_by_zero");
  CHECK(WTERMSIG(death.status) == SIGFPE);
  CHECK(describe(parsed(death)).starts_with("SIGFPE (8)"));
}

TEST_CASE("crash_handler: a stripped library gives module and offset") {
  const CrashReport report = parsed(die_in(STRIPPED_LIBRARY, "bad_pointer"));
  const std::string stack = symbolised_stack(report);
  CAPTURE(stack);
  CHECK(contains(stack, "[stripped_library.so+0x"));
  CHECK_FALSE(contains(stack, "write_to"));
}

TEST_CASE("crash_handler: a library that is gone since gives module and offset") {
  const Death death = die_in(CRASHING_LIBRARY, "bad_pointer");
  std::string text = death.report;
  for (std::size_t at = 0; (at = text.find("crashing_library.so", at)) != std::string::npos;)
    text.replace(at, 8, "vanished");
  const auto report = parse_crash_report(text);
  REQUIRE(report.ok());
  CHECK(contains(symbolised_stack(*report), "[libvanished_library.so+0x"));
}

TEST_CASE("crash_handler: an uncaught exception ends in a report of its throw") {
  const Death death = die_in(CRASHING_LIBRARY, "throw_order", true);
  CHECK(WTERMSIG(death.status) == SIGABRT);
  const std::string stack = symbolised_stack(parsed(death));
  CAPTURE(stack);
  CHECK(contains(stack, "at weir_test::Order::price() const ("));
}

#include "common/base/process_start.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

using namespace weir;

namespace {

struct Pipe {
  UniqueFd read, write;
};
Pipe make_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 512> buffer{};
  for (ssize_t size = 0; (size = ::read(descriptor, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(size));
  return text;
}

/// The status of a child that has ended, as waitpid gives it.
int wait_for(const StartedProcess& process) {
  int status = -1;
  while (::waitpid(process.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// What a shell that is started so prints.
std::string output_of(ProcessSpec spec, const std::string& script) {
  Pipe out = make_pipe();
  spec.executable = "/bin/sh";
  spec.arguments = {"sh", "-c", script};
  spec.standard_output = out.write.get();
  auto started = start_process(spec);
  REQUIRE(started.ok());
  out.write.reset(-1);
  std::string text = read_all(out.read.get());
  CHECK(wait_for(*started) == 0);
  return text;
}

// The handler of this process, which writes here; and what a child raises between fork and exec.
int handler_pipe = -1;
std::atomic<bool> child_raises{false};
void write_a_byte(int) { (void)!::write(handler_pipe, "x", 1); }
void raise_in_child() {
  if (child_raises) ::kill(::getpid(), SIGWINCH);
}

}  // namespace

TEST_CASE("start_process: the child has the arguments, variables and folder that it is given, and no others") {
  ProcessSpec spec;
  spec.environment = {"A=1", "B=two words"};
  spec.working_directory = "/";
  CHECK(output_of(spec, "echo $A:$B:$HOME:$(pwd)") == "1:two words::/\n");
}

TEST_CASE("start_process: descriptors come under their numbers, also crosswise, and all others are closed") {
  Pipe first = make_pipe();
  Pipe second = make_pipe();
  const UniqueFd leaked(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  REQUIRE(::write(first.write.get(), "first\n", 6) == 6);
  REQUIRE(::write(second.write.get(), "second\n", 7) == 7);
  first.write.reset(-1);
  second.write.reset(-1);
  ProcessSpec spec;
  // Each under the other's number.
  spec.passed = {{first.read.get(), second.read.get()}, {second.read.get(), first.read.get()}};
  const std::string low = std::to_string(first.read.get());
  const std::string high = std::to_string(second.read.get());
  CHECK(output_of(spec, "cat <&" + low + "; cat <&" + high + "; [ -e /proc/self/fd/" + std::to_string(leaked.get()) +
                            " ] && echo leaked; true") == "second\nfirst\n");
}

TEST_CASE("start_process: a child is in a process group of its own, or in a session of its own") {
  ProcessSpec spec;
  const auto ids = [&](bool own_session) {
    spec.own_session = own_session;
    spec.executable = "/bin/sleep";
    spec.arguments = {"sleep", "100"};
    auto started = start_process(spec);
    REQUIRE(started.ok());
    const std::pair<bool, bool> own{::getpgid(started->pid) == started->pid, ::getsid(started->pid) == started->pid};
    ::kill(started->pid, SIGKILL);
    CHECK(WTERMSIG(wait_for(*started)) == SIGKILL);
    return own;
  };
  CHECK(ids(false) == std::pair(true, false));
  CHECK(ids(true) == std::pair(true, true));
}

TEST_CASE("start_process: limits hold in the child") {
  ProcessSpec spec;
  spec.limits = ProcessLimits{.cpu_seconds = 7, .open_files = 100};
  CHECK(output_of(spec, "ulimit -t; ulimit -n; ulimit -c") == "7\n100\n0\n");
}

TEST_CASE("start_process: what cannot be run is an error with its reason, and leaves no child") {
  ProcessSpec spec;
  spec.executable = "/no/such/program";
  spec.arguments = {"program"};
  auto started = start_process(spec);
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().message == "cannot run /no/such/program: No such file or directory");
  spec.executable = "/bin/true";
  spec.working_directory = "/no/such/folder";
  CHECK(start_process(spec).error().message == "cannot run /bin/true: No such file or directory");
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("start_process: no signal handler of this process runs in the child") {
  Pipe seen = make_pipe();
  REQUIRE(::fcntl(seen.read.get(), F_SETFL, O_NONBLOCK) == 0);
  handler_pipe = seen.write.get();
  struct sigaction ours {};
  struct sigaction before {};
  ours.sa_handler = write_a_byte;
  REQUIRE(::sigaction(SIGWINCH, &ours, &before) == 0);
  static const int registered = ::pthread_atfork(nullptr, nullptr, raise_in_child);
  REQUIRE(registered == 0);

  ProcessSpec spec;
  spec.executable = "/bin/true";
  spec.arguments = {"true"};
  child_raises = true;
  auto started = start_process(spec);
  child_raises = false;
  REQUIRE(started.ok());
  CHECK(wait_for(*started) == 0);
  char byte = 0;
  CHECK(::read(seen.read.get(), &byte, 1) == -1);
  CHECK(errno == EAGAIN);

  // Here signals come through again.
  ::raise(SIGWINCH);
  CHECK(::read(seen.read.get(), &byte, 1) == 1);
  ::sigaction(SIGWINCH, &before, nullptr);
}

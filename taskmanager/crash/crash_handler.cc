#include "taskmanager/crash/crash_handler.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace weir::taskmanager {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr std::size_t kGuardBytes = 4096;

std::atomic<int> report_descriptor{-1};
std::atomic<pid_t> crashing_thread{0};
// Set while frames are collected: a fault in there is ours, caused by a destroyed stack, and ends their list.
volatile std::sig_atomic_t collecting_frames = 0;
volatile std::sig_atomic_t writing_maps = 0;

// Everything below runs in a signal handler: system calls only, no allocation, no locks, no errno left changed that
// matters.

void put(const char* text, std::size_t size) {
  const int descriptor = report_descriptor.load(std::memory_order_relaxed);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, text, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text += written;
    size -= static_cast<std::size_t>(written);
  }
}

// One line, put together without any library, written at once.
class Line {
 public:
  Line& text(const char* text) {
    while (*text != '\0' && size_ < bytes_.size() - 1) bytes_[size_++] = *text++;
    return *this;
  }
  Line& hex(std::uint64_t value) {
    std::array<char, 17> digits;
    std::size_t at = digits.size();
    digits[--at] = '\0';
    do {
      digits[--at] = "0123456789abcdef"[value & 15];
      value >>= 4;
    } while (value != 0);
    return text("0x").text(&digits[at]);
  }
  Line& decimal(int value) {
    std::array<char, 16> digits;
    std::size_t at = digits.size();
    digits[--at] = '\0';
    std::uint32_t rest = value < 0 ? 0U - static_cast<std::uint32_t>(value) : static_cast<std::uint32_t>(value);
    do {
      digits[--at] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (value < 0) digits[--at] = '-';
    return text(&digits[at]);
  }
  void end() {
    bytes_[size_++] = '\n';
    put(bytes_.data(), size_);
  }

 private:
  std::array<char, 128> bytes_;
  std::size_t size_ = 0;
};

struct NamedRegister {
  const char* name;
  int index;
};
// clang-format off
constexpr NamedRegister kRegisters[] = {
    {"rip", REG_RIP}, {"rsp", REG_RSP}, {"rbp", REG_RBP}, {"rax", REG_RAX}, {"rbx", REG_RBX}, {"rcx", REG_RCX},
    {"rdx", REG_RDX}, {"rsi", REG_RSI}, {"rdi", REG_RDI}, {"r8", REG_R8},   {"r9", REG_R9},   {"r10", REG_R10},
    {"r11", REG_R11}, {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15}, {"eflags", REG_EFL}};
// clang-format on

std::uint64_t register_value(const ucontext_t& context, int index) {
  return static_cast<std::uint64_t>(context.uc_mcontext.gregs[index]);
}

void write_frame(std::uint64_t address) { Line().text("frame ").hex(address).end(); }

struct Walk {
  std::uint64_t start;  // the instruction that faulted: frames before it are the handler's own
  std::size_t written = 0;
};

_Unwind_Reason_Code on_frame(_Unwind_Context* context, void* argument) {
  auto& walk = *static_cast<Walk*>(argument);
  const std::uint64_t address = _Unwind_GetIP(context);
  if (walk.written == 0 && address != walk.start) return _URC_NO_REASON;
  if (address == 0 || walk.written == kCrashFramesMax) return _URC_END_OF_STACK;
  write_frame(address);
  ++walk.written;
  return _URC_NO_REASON;
}

// Memory that may not be there. The kernel copies, so a bad pointer is an answer and not a fault.
bool read_words(std::uint64_t address, std::uint64_t* words, std::size_t count) {
  iovec to{words, count * sizeof(std::uint64_t)};
  iovec from{reinterpret_cast<void*>(address), count * sizeof(std::uint64_t)};  // NOLINT: an address from a register
  return ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(count * sizeof(std::uint64_t));
}

// Where the unwinder does not come through: a call through a bad pointer leaves the return address on top of the stack,
// and code with frame pointers chains its frames.
void walk_frame_pointers(const ucontext_t& context) {
  std::uint64_t words[2];
  std::size_t written = 0;
  if (read_words(register_value(context, REG_RSP), words, 1) && words[0] != 0) {
    write_frame(words[0]);
    ++written;
  }
  std::uint64_t frame = register_value(context, REG_RBP);
  while (written < kCrashFramesMax && frame % 8 == 0 && read_words(frame, words, 2)) {
    if (words[1] == 0) return;
    write_frame(words[1]);
    ++written;
    if (words[0] <= frame) return;
    frame = words[0];
  }
}

void write_frames(const ucontext_t& context) {
  Walk walk{.start = register_value(context, REG_RIP)};
  if (walk.start != 0) _Unwind_Backtrace(on_frame, &walk);
  if (walk.written > 1) return;
  if (walk.written == 0) write_frame(walk.start);
  walk_frame_pointers(context);
}

void write_maps() {
  Line().text("maps").end();
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  std::array<char, 4096> bytes;
  while (maps >= 0) {
    const ssize_t size = ::read(maps, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    put(bytes.data(), static_cast<std::size_t>(size));
  }
  Line().text("end").end();
}

void write_head(int signal, const siginfo_t& information, const ucontext_t& context) {
  Line().text("weir-crash 1").end();
  const auto address = reinterpret_cast<std::uint64_t>(information.si_addr);
  Line().text("signal ").decimal(signal).text(" ").decimal(information.si_code).text(" ").hex(address).end();
  std::array<char, 17> name{};
  ::prctl(PR_GET_NAME, name.data());
  for (char* c = name.data(); *c != '\0'; ++c) {
    if (static_cast<unsigned char>(*c) < 0x20 || static_cast<unsigned char>(*c) >= 0x7f) *c = '?';
  }
  Line().text("thread ").text(name.data()).end();
  for (const auto& entry : kRegisters) {
    Line().text("register ").text(entry.name).text(" ").hex(register_value(context, entry.index)).end();
  }
}

[[noreturn]] void die_of(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), signal);
  ::_exit(128 + signal);
}

void on_crash(int signal, siginfo_t* information, void* raw_context) {
  const auto self = static_cast<pid_t>(::syscall(SYS_gettid));
  pid_t nobody = 0;
  if (!crashing_thread.compare_exchange_strong(nobody, self)) {
    while (nobody != self) ::pause();  // another thread writes, and then ends us all
    if (collecting_frames == 0 || writing_maps != 0) die_of(signal);
    writing_maps = 1;
    write_maps();
    die_of(signal);
  }
  const auto& context = *static_cast<const ucontext_t*>(raw_context);
  write_head(signal, *information, context);
  collecting_frames = 1;
  write_frames(context);
  collecting_frames = 0;
  write_maps();
  die_of(signal);
}

_Unwind_Reason_Code ignore_frame(_Unwind_Context*, void*) { return _URC_NO_REASON; }

}  // namespace

void install_crash_handler(int descriptor) {
  report_descriptor.store(descriptor);
  // The first use of the unwinder may allocate; the handler must not.
  _Unwind_Backtrace(ignore_frame, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  // NODEFER: a fault inside the handler must come back to it, not end the process without maps.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
    ::sigaction(signal, &action, nullptr);
}

CrashStack::CrashStack() {
  void* memory = ::mmap(nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;  // no report of an overflow is better than no worker
  ::mprotect(memory, kGuardBytes, PROT_NONE);
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + kGuardBytes;
  stack.ss_size = kStackBytes;
  ::sigaltstack(&stack, nullptr);
  memory_ = memory;
}

CrashStack::~CrashStack() {
  if (memory_ == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
  ::munmap(memory_, kStackBytes + kGuardBytes);
}

}  // namespace weir::taskmanager

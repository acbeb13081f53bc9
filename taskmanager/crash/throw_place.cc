#include "taskmanager/crash/throw_place.h"

#include <dlfcn.h>
#include <unwind.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>

#include "taskmanager/crash/symboliser.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kFramesMax = 32;
constexpr std::size_t kThrowsKept = 4;

struct Throw {
  const void* exception;
  std::size_t frames_count;
  std::array<std::uint64_t, kFramesMax> frames;
};

struct Throws {
  std::array<Throw, kThrowsKept> kept;
  std::size_t count;  // of all throws; the next goes to [count % kThrowsKept]
};
// Plain data, so that a throw needs neither an allocation nor a constructor.
constinit thread_local Throws throws{};

_Unwind_Reason_Code on_frame(_Unwind_Context* context, void* argument) {
  auto& note = *static_cast<Throw*>(argument);
  if (note.frames_count == kFramesMax) return _URC_END_OF_STACK;
  note.frames[note.frames_count++] = _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

using ThrowFunction = void (*)(void*, std::type_info*, void (*)(void*));

ThrowFunction next_throw() {
  static const auto function = reinterpret_cast<ThrowFunction>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  if (function == nullptr) std::abort();
  return function;
}

}  // namespace

std::vector<std::uint64_t> last_throw_frames() {
  const std::exception_ptr current = std::current_exception();
  if (!current) return {};
  static_assert(sizeof(std::exception_ptr) == sizeof(void*),
                "an exception_ptr of libstdc++ is the exception's address");
  const void* exception = nullptr;
  std::memcpy(&exception, static_cast<const void*>(&current), sizeof(exception));
  const std::size_t kept = throws.count < kThrowsKept ? throws.count : kThrowsKept;
  for (std::size_t age = 1; age <= kept; ++age) {
    const Throw& note = throws.kept[(throws.count - age) % kThrowsKept];
    if (note.exception != exception) continue;
    // The innermost frame is our own __cxa_throw.
    if (note.frames_count < 2) return {};
    return {note.frames.begin() + 1, note.frames.begin() + static_cast<std::ptrdiff_t>(note.frames_count)};
  }
  return {};
}

std::string last_throw_stack() {
  const auto frames = last_throw_frames();
  if (frames.empty()) return {};
  return render_stack(symbolise_own(frames));
}

}  // namespace weir::taskmanager

// Found before libstdc++'s, because it stands in the program itself. noinline: it is the one frame that is left out.
extern "C" __attribute__((noinline, visibility("default"), noreturn)) void __cxa_throw(void* exception, void* type,
                                                                                       void (*destructor)(void*)) {
  using weir::taskmanager::kThrowsKept;
  auto& throws = weir::taskmanager::throws;
  auto& note = throws.kept[throws.count++ % kThrowsKept];
  note.exception = exception;
  note.frames_count = 0;
  _Unwind_Backtrace(weir::taskmanager::on_frame, &note);
  weir::taskmanager::next_throw()(exception, static_cast<std::type_info*>(type), destructor);
  std::abort();
}

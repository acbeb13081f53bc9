// A last word from a dying worker: signal, registers, frames and maps, written from the signal handler.
#pragma once

#include <cstddef>

namespace weir::taskmanager {

/// Size of the file that a report is written into (docs/formats/crash_report.md).
inline constexpr std::size_t kCrashReportBytesMax = 1024 * 1024;
/// Frames in a report.
inline constexpr std::size_t kCrashFramesMax = 128;

/// Installs handlers for SEGV, BUS, FPE, ILL, ABRT, TRAP and SYS that write a crash report to `descriptor` and then let
/// the signal take its course (core dump, wait status). Only the first thread to crash writes; others wait for the end.
/// Lives on: any thread, once per process, before other threads start. The descriptor stays open until the end.
/// The calling thread also needs a CrashStack to survive its own stack's overflow.
void install_crash_handler(int descriptor);

/// An alternate signal stack for the thread that makes it: without one, overflowing the thread's stack leaves no
/// report. Made first in a thread's function and destroyed last, on the same thread.
class CrashStack {
 public:
  CrashStack();
  ~CrashStack();
  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;

 private:
  void* memory_ = nullptr;
};

}  // namespace weir::taskmanager

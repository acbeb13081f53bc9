// What a worker that runs user code can write as its crash report: parsed, described, located.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "taskmanager/crash/crash_handler.h"
#include "taskmanager/crash/crash_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::taskmanager;
  const auto report = parse_crash_report(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!report.ok()) return 0;
  if (report->frames.size() > kCrashFramesMax) std::abort();
  const std::string text = describe(*report) + located_stack(*report);
  for (const char c : text) {
    if (c == '\x1b') std::abort();
  }
  return 0;
}

// The reader of job notes against any file.
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/loader/job_notes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto jobs = weir::parse_job_notes(std::string(reinterpret_cast<const char*>(data), size), "input");
  if (jobs.ok() && jobs->empty()) __builtin_trap();
  return 0;
}

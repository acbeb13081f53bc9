// What a crashed worker wrote (docs/formats/crash_report.md), read with distrust and told to people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/result.h"

namespace weir::taskmanager {

struct CrashReport {
  int signal = 0;
  int code = 0;  ///< si_code
  std::uint64_t address = 0;
  std::string thread;
  std::vector<std::pair<std::string, std::uint64_t>> registers;
  std::vector<std::uint64_t> frames;  ///< [0] is the instruction that faulted
  std::string maps;                   ///< text of /proc/self/maps, whole lines
  bool complete = false;              ///< false: the end is missing

  /// The named register, or 0.
  std::uint64_t value_of(std::string_view register_name) const;
};

/// Lives on: any thread (pure). Takes what parses, up to the first line that does not.
/// Errors: not_found when `bytes` holds nothing (all zero or empty): the worker was killed without a chance to write;
/// corrupt when it does not begin as a report does.
Result<CrashReport> parse_crash_report(std::string_view bytes);

/// One line: "SIGSEGV (11): stack overflow" or "SIGSEGV (11): no memory at address 0x0, in thread slot-0".
std::string describe(const CrashReport& report);

/// "SIGSEGV" for 11; "signal 77" for a number without a name.
std::string signal_name(int signal);

/// The stack as text with what the files say, or with modules and offsets alone. `symbolised_stack` reads debug
/// information: in a process of its own when the files are a user's.
std::string symbolised_stack(const CrashReport& report);
std::string located_stack(const CrashReport& report);

}  // namespace weir::taskmanager

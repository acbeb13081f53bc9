#include "taskmanager/crash/crash_report.h"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <charconv>
#include <optional>

#include "taskmanager/crash/crash_handler.h"
#include "taskmanager/crash/memory_maps.h"
#include "taskmanager/crash/symboliser.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kLineBytesMax = 8192;  // a path of 4 KiB, escaped in part
constexpr std::size_t kRegistersMax = 32;
constexpr std::size_t kThreadNameBytesMax = 64;
constexpr std::uint64_t kOverflowReach = 64 * 1024;  // how far below the stack pointer a frame can reach in one step

// Lines of a text that may end anywhere.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  /// The next whole line without its newline; nothing at the end or when it is too long.
  std::optional<std::string_view> next() {
    const auto newline = rest_.substr(0, kLineBytesMax).find('\n');
    if (newline == std::string_view::npos) return std::nullopt;
    const auto line = rest_.substr(0, newline);
    rest_.remove_prefix(newline + 1);
    return line;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool parse_hex(std::string_view text, std::uint64_t& value) {
  if (!take(text, "0x")) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool take_decimal(std::string_view& text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

bool parse_signal(std::string_view line, CrashReport& report) {
  return take(line, "signal ") && take_decimal(line, report.signal) && take_decimal(line, report.code) &&
         parse_hex(line, report.address);
}

bool parse_register(std::string_view line, CrashReport& report) {
  if (!take(line, "register ") || report.registers.size() == kRegistersMax) return false;
  const auto space = line.find(' ');
  std::uint64_t value = 0;
  if (space == 0 || space > 16 || !parse_hex(line.substr(space + 1), value)) return false;
  report.registers.emplace_back(line.substr(0, space), value);
  return true;
}

bool parse_frame(std::string_view line, CrashReport& report) {
  std::uint64_t address = 0;
  if (!take(line, "frame ") || report.frames.size() == kCrashFramesMax || !parse_hex(line, address)) return false;
  report.frames.push_back(address);
  return true;
}

void parse_maps_part(Lines& lines, CrashReport& report) {
  Mapping mapping;
  std::size_t count = 0;
  while (auto line = lines.next()) {
    if (*line == "end") {
      report.complete = true;
      return;
    }
    if (++count > kMappingsMax || !parse_mapping(*line, mapping)) return;
    report.maps.append(*line).push_back('\n');
  }
}

// The rest after the signal's line. Every part may be missing when the process died for good while it wrote.
void parse_body(Lines& lines, CrashReport& report) {
  while (auto line = lines.next()) {
    std::string_view text = *line;
    if (take(text, "thread ")) {
      report.thread = std::string(text.substr(0, kThreadNameBytesMax));
    } else if (*line == "maps") {
      return parse_maps_part(lines, report);
    } else if (!parse_register(*line, report) && !parse_frame(*line, report)) {
      return;
    }
  }
}

// A fault just below (or around) the stack pointer, in memory that nobody may touch, is a stack at its end.
bool is_stack_overflow(const CrashReport& report) {
  const std::uint64_t stack = report.value_of("rsp");
  if (report.signal != SIGSEGV || stack == 0) return false;
  if (report.address + kOverflowReach < stack || report.address > stack + kOverflowReach) return false;
  const auto maps = parse_maps(report.maps);
  const Mapping* hit = find_mapping(maps, report.address);
  return hit == nullptr || !hit->readable;
}

bool has_address(const CrashReport& report) {
  if (report.code <= 0) return false;  // sent by a process: kill, abort
  return report.signal == SIGSEGV || report.signal == SIGBUS;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text)
    result += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
  return result;
}

}  // namespace

std::uint64_t CrashReport::value_of(std::string_view register_name) const {
  for (const auto& [name, value] : registers) {
    if (name == register_name) return value;
  }
  return 0;
}

Result<CrashReport> parse_crash_report(std::string_view bytes) {
  bytes = bytes.substr(0, kCrashReportBytesMax);
  if (bytes.find_first_not_of('\0') == std::string_view::npos) {
    return Error::external(ErrorCode::not_found, "the worker left no crash report");
  }
  Lines lines(bytes);
  const auto first = lines.next();
  if (!first || *first != "weir-crash 1") {
    return Error::external(ErrorCode::corrupt, "the worker's crash report does not begin as one");
  }
  CrashReport report;
  const auto signal = lines.next();
  if (!signal || !parse_signal(*signal, report)) {
    return Error::external(ErrorCode::corrupt, "the worker's crash report names no signal");
  }
  parse_body(lines, report);
  return report;
}

std::string signal_name(int signal) {
  const char* name = signal > 0 ? ::sigabbrev_np(signal) : nullptr;
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

std::string describe(const CrashReport& report) {
  std::string text = fmt::format("{} ({})", signal_name(report.signal), report.signal);
  if (is_stack_overflow(report)) {
    text += ": stack overflow";
  } else if (has_address(report)) {
    const auto maps = parse_maps(report.maps);
    const bool mapped = find_mapping(maps, report.address) != nullptr;
    // A non-canonical address is reported by the processor without its value.
    if (report.signal == SIGSEGV && report.code == SI_KERNEL) {
      text += ": an address outside the address space";
    } else {
      text += fmt::format(": {} at address 0x{:x}", mapped ? "access not allowed" : "no memory", report.address);
    }
  }
  if (!report.thread.empty()) text += fmt::format(", in thread {}", escaped(report.thread));
  return text;
}

std::string symbolised_stack(const CrashReport& report) {
  return render_stack(symbolise(report.frames, report.maps, Innermost::instruction));
}

std::string located_stack(const CrashReport& report) { return render_stack(locate(report.frames, report.maps)); }

}  // namespace weir::taskmanager

// The log of a process: one line per event, into a rotated file, to standard output, or through a callback.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::log {

/// How much a line matters. `off` is a threshold only: nothing is written at it.
enum class Level { trace, debug, info, warn, error, off };

/// The level of a name, in any case: TRACE, DEBUG, INFO, WARN (WARNING), ERROR (FATAL), OFF (NONE).
std::optional<Level> parse_level(std::string_view name);
/// The name of a level in upper case.
std::string_view name_of(Level level);

/// A message is cut at this many bytes, after escaping.
inline constexpr std::size_t kMessageBytesMax = 16 * 1024;

struct Options {
  std::string program;                               ///< for the lines of the log about itself: "jobmanager"
  Level level = Level::info;                         ///< lines below it are dropped before they are formatted
  std::optional<std::string> file;                   ///< the log file; its directory exists; no file when empty
  bool also_stdout = true;                           ///< what a foreground daemon does
  std::uint64_t file_bytes_max = 100 * 1024 * 1024;  ///< a file is rotated before it grows beyond this
  int files_kept = 10;  ///< rotated files beside the current one: `name.1.log` is the youngest
};

/// Receives the lines of a process that has no log file of its own. Called on the thread that logs, so it must be safe
/// on any thread, must not block and must not log. `text` is `place - message`, escaped and capped, without time and
/// level.
using Sink = std::function<void(Level level, std::string_view text)>;

/// Starts the log of this process. Before it (and after `stop`) lines of level info and above go to standard error.
/// Errors: io with the path, when the file cannot be opened.
Result<void> start(const Options& options);
/// Starts the log of a process whose lines somebody else writes: a worker hands them to its TaskManager.
void start(Level level, Sink sink);
/// Ends the log: flushes and closes the file. Lines written afterwards go to standard error.
void stop();

/// Changes the threshold. Safe on any thread.
void set_level(Level level);
/// Whether a line of this level would be written. Safe on any thread, one relaxed load.
bool enabled(Level level) noexcept;

/// Writes a line that comes from elsewhere, as from a worker, whose `text` names its own place. Safe on any thread.
void write(Level level, std::string_view text);

/// `text` with control characters and bytes that are not UTF-8 written as \n, \t, \r or \xNN, capped at
/// kMessageBytesMax with a note of how many bytes were left out. Applying it twice changes nothing more.
std::string escape(std::string_view text);

/// What the macros call once the level is enabled.
void write_formatted(Level level, std::string_view file, int line, fmt::string_view format, fmt::format_args args);

template <class... Args>
void write_line(Level level, std::string_view file, int line, fmt::format_string<Args...> format, Args&&... args) {
  write_formatted(level, file, line, format, fmt::make_format_args(args...));
}

}  // namespace weir::log

/// LOG_INFO("registered TaskManager {} with {} slots", id, slots);   arguments are evaluated only when the level is
/// enabled.
#define WEIR_LOG(level, ...)                                                                          \
  do {                                                                                                \
    if (::weir::log::enabled(level)) ::weir::log::write_line(level, __FILE__, __LINE__, __VA_ARGS__); \
  } while (false)
#define LOG_TRACE(...) WEIR_LOG(::weir::log::Level::trace, __VA_ARGS__)
#define LOG_DEBUG(...) WEIR_LOG(::weir::log::Level::debug, __VA_ARGS__)
#define LOG_INFO(...) WEIR_LOG(::weir::log::Level::info, __VA_ARGS__)
#define LOG_WARN(...) WEIR_LOG(::weir::log::Level::warn, __VA_ARGS__)
#define LOG_ERROR(...) WEIR_LOG(::weir::log::Level::error, __VA_ARGS__)

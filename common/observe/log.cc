#include "common/observe/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "common/observe/log_writer.h"
#include "common/observe/text.h"

namespace weir::log {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"};

/// Five letters, as Flink's layout pads them.
class PaddedLevel : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string_view name = "ERROR";
    if (line.level == spdlog::level::warn) name = "WARN ";
    if (line.level == spdlog::level::info) name = "INFO ";
    if (line.level == spdlog::level::debug) name = "DEBUG";
    if (line.level == spdlog::level::trace) name = "TRACE";
    out.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override { return std::make_unique<PaddedLevel>(); }
};

std::unique_ptr<spdlog::formatter> line_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PaddedLevel>('*').set_pattern("%Y-%m-%d %H:%M:%S,%e %* %v");
  return formatter;
}

std::shared_ptr<spdlog::logger> make_logger(const std::string& name, std::vector<spdlog::sink_ptr> sinks) {
  auto logger = std::make_shared<spdlog::logger>(name, sinks.begin(), sinks.end());
  logger->set_formatter(line_formatter());
  logger->set_level(spdlog::level::trace);  // the threshold is ours
  logger->flush_on(spdlog::level::trace);   // a daemon that is killed has said everything it said
  return logger;
}

std::shared_ptr<spdlog::logger> stderr_logger() {
  return make_logger("stderr", {std::make_shared<spdlog::sinks::stderr_sink_mt>()});
}

/// Any thread. What the macros write to.
struct State {
  std::atomic<Level> level{Level::info};

  std::mutex mutex;
  // Guarded by mutex
  std::shared_ptr<spdlog::logger> console =
      stderr_logger();  // where neither of the others is: before the start and after the end
  std::shared_ptr<LogWriter> writer;
  std::shared_ptr<const Sink> sink;
};

/// Never destroyed: threads and destructors may log until the very end of the process.
State& state() {
  static State* const only = std::make_unique<State>().release();
  return *only;
}

/// The path inside the repository: the compiler is called from the build directory.
std::string_view place_of(std::string_view file) {
  while (file.starts_with("../")) file.remove_prefix(3);
  return file;
}

void emit(Level level, std::string_view text) {
  std::shared_ptr<spdlog::logger> console;
  std::shared_ptr<LogWriter> writer;
  std::shared_ptr<const Sink> sink;
  {
    std::lock_guard lock(state().mutex);
    console = state().console;
    writer = state().writer;
    sink = state().sink;
  }
  if (sink) {
    (*sink)(level, text);
  } else if (writer) {
    writer->write(level, text);
  } else {
    console->log(static_cast<spdlog::level::level_enum>(level), spdlog::string_view_t(text.data(), text.size()));
  }
}

void replace(Level level, std::shared_ptr<LogWriter> writer, std::shared_ptr<const Sink> sink) {
  {
    std::lock_guard lock(state().mutex);
    std::swap(state().writer, writer);
    state().sink = std::move(sink);
    state().level.store(level, std::memory_order_relaxed);
  }
  writer.reset();  // outside the lock: it writes what is left
}

}  // namespace

std::optional<Level> parse_level(std::string_view name) {
  std::string upper;
  for (char letter : name) upper += (letter >= 'a' && letter <= 'z') ? static_cast<char>(letter - 'a' + 'A') : letter;
  if (upper == "WARNING") upper = "WARN";
  if (upper == "FATAL") upper = "ERROR";
  if (upper == "NONE") upper = "OFF";
  if (upper == "ALL") upper = "TRACE";
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (upper == kNames[i]) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::string_view name_of(Level level) { return kNames[static_cast<std::size_t>(level)]; }

Result<void> start(const Options& options) {
  std::vector<spdlog::sink_ptr> sinks;
  try {
    if (options.also_stdout) sinks.push_back(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    if (options.file) {
      sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          *options.file, static_cast<std::size_t>(options.file_bytes_max),
          static_cast<std::size_t>(options.files_kept)));
    }
    replace(options.level, std::make_shared<LogWriter>(make_logger(options.program, std::move(sinks))), nullptr);
  } catch (const spdlog::spdlog_ex& failure) {
    return Error::external(ErrorCode::io,
                           fmt::format("cannot write the log of {}: {}", options.program, failure.what()));
  }
  return {};
}

void start(Level level, Sink sink) { replace(level, nullptr, std::make_shared<const Sink>(std::move(sink))); }

void stop() { replace(Level::info, nullptr, nullptr); }

void set_level(Level level) { state().level.store(level, std::memory_order_relaxed); }

bool enabled(Level level) noexcept {
  return level >= state().level.load(std::memory_order_relaxed) && level != Level::off;
}

void write(Level level, std::string_view text) {
  if (enabled(level)) emit(level, escape(text));
}

std::string escape(std::string_view text) { return escape_control(text, kMessageBytesMax); }

void write_formatted(Level level, std::string_view file, int line, fmt::string_view format, fmt::format_args args) {
  std::string text = fmt::format("{}:{} - ", place_of(file), line);
  try {
    text += fmt::vformat(format, args);
  } catch (const std::exception& failure) {  // a width given at run time, or an argument's own formatter
    text += fmt::format("{} (cannot be formatted: {})", std::string_view(format.data(), format.size()), failure.what());
  }
  emit(level, escape(text));
}

}  // namespace weir::log

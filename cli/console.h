#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace weir::cli {

/// What a person sees. Lives on: the main thread. Owned by main.
class Console {
 public:
  /// @param out, err  outlive the console
  Console(std::FILE* out, std::FILE* err);

  /// A line for scripts and people, on standard output.
  void print(std::string_view line);
  /// Empty, or why a line could not be printed: the disk is full, standard output is closed.
  const std::string& lost() const { return lost_; }
  /// A line about what goes wrong, on standard error, with "weir: " in front.
  void complain(std::string_view sentence);
  /// The same without anything in front: progress, hints.
  void note(std::string_view line);

  /// Shows how far an upload is, on a terminal only; ends its line when it is complete.
  void show_progress(std::string_view name, std::uint64_t sent, std::uint64_t total);

 private:
  std::FILE* out_;
  std::FILE* err_;
  bool err_is_terminal_;
  std::string lost_;
  std::chrono::steady_clock::time_point next_progress_{};
};

/// "job.so   45% [=========           ] 12.3 of 27.0 MB". Pure.
std::string progress_line(std::string_view name, std::uint64_t sent, std::uint64_t total);

}  // namespace weir::cli

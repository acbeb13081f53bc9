// WEIR_JOB: the one macro that users see. It names a build function and marks the library as one that Weir can run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/arguments.h"
#include "weir/environment.h"
#include "weir/version.h"

namespace weir::detail {

/// One entry of the ELF section .note.weir, as it lies in the file; read by parsing, never by loading
/// (api/loader/job_notes.h).
struct JobNote {
  std::uint32_t owner_bytes = 8;
  std::uint32_t content_bytes = 4 + 16 + 44 + 64;
  std::uint32_t type = 1;
  char owner[8] = "Weir";
  std::uint32_t abi = kAbi;
  char sdk_version[16] = {};
  char compiler[44] = {};
  char name[64] = {};  ///< of the job; its function is weir_job_<name>
};
static_assert(sizeof(JobNote) == 12 + 8 + 128);

consteval void copy_characters(char* to, std::size_t size, std::string_view from) {
  for (std::size_t at = 0; at + 1 < size && at < from.size(); ++at) to[at] = from[at];
}

consteval JobNote make_job_note(std::string_view name) {
  JobNote note;
  copy_characters(note.sdk_version, sizeof note.sdk_version, kVersion);
  copy_characters(note.compiler, sizeof note.compiler, kCompiler);
  copy_characters(note.name, sizeof note.name, name);
  return note;
}

}  // namespace weir::detail

/// Defines a job: the body builds its graph with `env` (StreamExecutionEnvironment&) and `args` (const Arguments&), and
/// does nothing else: it runs once in the planner and once in every worker, and must make the same graph each time.
///     WEIR_JOB(word_count) { env.from_source(...).sink_to(...); }
/// The name is an identifier of at most 63 characters, and what `weir run -c NAME` picks.
#define WEIR_JOB(name)                                                                                            \
  static_assert(sizeof(#name) <= 64, "weir: the name of a job has at most 63 characters");                        \
  static void weir_job_body_##name(::weir::StreamExecutionEnvironment&, const ::weir::Arguments&);                \
  extern "C" __attribute__((visibility("default"))) void weir_job_##name(::weir::StreamExecutionEnvironment& env, \
                                                                         const ::weir::Arguments& args) {         \
    weir_job_body_##name(env, args);                                                                              \
  }                                                                                                               \
  __attribute__((section(".note.weir"), used,                                                                     \
                 aligned(4))) static constexpr ::weir::detail::JobNote weir_job_note_##name =                     \
      ::weir::detail::make_job_note(#name);                                                                       \
  static void weir_job_body_##name([[maybe_unused]] ::weir::StreamExecutionEnvironment& env,                      \
                                   [[maybe_unused]] const ::weir::Arguments& args)

// What a job library says about itself, read out of the file without loading it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir {

/// One job of a library.
struct JobNoteEntry {
  std::string name;
  std::uint32_t abi = 0;
  std::string sdk_version;
  std::string compiler;
};

/// The jobs of a shared object, by name. Reads at most a few kilobytes beside the tables of the file; safe on any
/// bytes. Lives on: any thread; blocks on the file. Errors (blame user): not an ELF file, another machine or word size,
/// no shared object, truncated, no job in it, another ABI number; io. Every message is one sentence that begins with
/// `shown_name`. Source: System V ABI, chapters 4 and 5 (ELF header, section headers, notes).
Result<std::vector<JobNoteEntry>> read_job_notes(const std::string& path, const std::string& shown_name);

/// The same over bytes in memory: the whole file.
Result<std::vector<JobNoteEntry>> parse_job_notes(const std::string& bytes, const std::string& shown_name);

}  // namespace weir

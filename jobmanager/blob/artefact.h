// What an uploaded file is: told by its content, never by running it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "jobmanager/model/jar_details.h"
#include "weir/result.h"

namespace weir::jobmanager {

/// Lists the jobs of a library by parsing its ELF note; in production `read_library_notes`. Blocks.
/// Errors: invalid_argument (user), a sentence that begins with `shown_name`: no ELF file, other machine, other ABI, no
/// note, cut short.
using LibraryReader =
    std::function<Result<std::vector<JobEntry>>(const std::string& path, const std::string& shown_name)>;

Result<std::vector<JobEntry>> read_library_notes(const std::string& path, const std::string& shown_name);

/// What was found in a file.
struct JobArtefact {
  bool is_bundle = false;
  std::string library;        ///< of a bundle: path of the entry library below its root
  std::string default_entry;  ///< of a bundle's manifest; may be empty
  std::vector<JobEntry> entries;
};

/// Kinds of names that are taken: ".so", ".tar.gz", ".sql", ".jar".
/// Errors: invalid_argument for any other.
Result<void> check_artefact_name(std::string_view name);

/// Looks at a file. A bundle is unpacked into `unpack_directory`, which must not exist yet and is gone again after an
/// error. Blocks. Lives on: any thread.
/// @param name   as the client called it: for sentences, and to know a script
/// Errors: invalid_argument (user): nothing in it, no job library and no bundle, what the reader says; those of
/// unpack_bundle.
Result<JobArtefact> inspect_artefact(const std::string& path, const std::string& name,
                                     const std::string& unpack_directory, const LibraryReader& read_library);

/// The job to run: `wanted`, else the bundle's default, else the only one.
/// Errors: not_found (user), listing the known ones.
Result<std::string> choose_entry(const JobArtefact& artefact, const std::string& wanted);

}  // namespace weir::jobmanager

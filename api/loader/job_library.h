// Opens a job library and runs its build function. Only the planner and job workers do: it is user code.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/loader/job_notes.h"
#include "weir/arguments.h"
#include "weir/result.h"
#include "weir/stream_graph.h"

namespace weir {

/// A job library in this process. Never closed: operators, types and threads of its code live until the process ends.
/// Lives on: any thread, one at a time.
class JobLibrary {
 public:
  /// Loads the library after its notes were read by parsing.
  /// Errors (blame user): what read_job_notes says; a symbol or library that it needs and that is not there, by name.
  static Result<JobLibrary> open(const std::string& path);

  /// What to call a file in sentences, where its path says nothing to people.
  static Result<JobLibrary> open(const std::string& path, const std::string& shown_name);

  const std::vector<JobNoteEntry>& jobs() const { return jobs_; }

  /// Runs a build function.
  /// @param entry          name of the job; empty when the library has one only
  /// @param configuration  the job's settings as the submission and the cluster gave them
  /// Errors (blame user): unknown entry, or none where there are several: lists them; what the build function throws:
  /// user_code, with type and message, but a UsageError as it is.
  Result<StreamGraph> build(const std::string& entry, const Arguments& arguments,
                            const std::map<std::string, std::string>& configuration) const;

 private:
  JobLibrary(void* handle, std::string shown_name, std::vector<JobNoteEntry> jobs)
      : handle_(handle), shown_name_(std::move(shown_name)), jobs_(std::move(jobs)) {}
  Result<std::string> choose(const std::string& entry) const;

  void* handle_;
  std::string shown_name_;
  std::vector<JobNoteEntry> jobs_;
};

/// "std::out_of_range: vector::_M_range_check": type and message of the exception that is being handled.
std::string describe_current_exception();

}  // namespace weir

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::http {

/// What the head of one part of a form says. Nothing in it may be trusted.
struct PartHead {
  std::string name;          ///< of the form field
  std::string file_name;     ///< as the client wrote it; never a path to use
  bool is_file = false;      ///< a file name was given, perhaps an empty one
  std::string content_type;  ///< empty when not given
};

/// Takes what MultipartParser finds. An Error from any function stops the parser with it.
class PartSink {
 public:
  virtual ~PartSink() = default;
  virtual Result<void> begin_part(const PartHead& head) = 0;
  virtual Result<void> part_data(std::string_view bytes) = 0;
  virtual Result<void> end_part() = 0;
};

/// Bounds of a form; each is an Error when passed.
struct MultipartLimits {
  std::size_t part_head_bytes_max = 8 * 1024;
  std::size_t parts_max = 64;
};

/// Reads multipart/form-data (RFC 7578, RFC 2046) as its bytes come, in pieces of any size.
/// Lives on: one thread at a time. Owned by whoever reads the body; the sink outlives it.
/// Promises to keep at most one part's head, or a boundary's length, of bytes beyond a call of feed().
class MultipartParser {
 public:
  /// @param boundary  from boundary_of()
  MultipartParser(std::string_view boundary, MultipartLimits limits, PartSink& sink);

  /// Takes the next bytes of the body.
  /// Errors: invalid_argument where the form is malformed or passes a limit; what the sink returned. Final: do not go
  /// on.
  Result<void> feed(std::string_view bytes);

  /// Says that the body ended. Errors: invalid_argument when the closing boundary has not come: the upload was cut
  /// short.
  Result<void> finish();

 private:
  enum class Place { preamble, after_boundary, head, data, epilogue };

  Result<bool> step();
  Result<bool> step_to_boundary();
  Result<bool> step_after_boundary();
  Result<bool> step_head();

  // Set once
  std::string delimiter_;  // CR LF and two dashes before the boundary
  MultipartLimits limits_;
  PartSink& sink_;
  // Where we are
  Place place_ = Place::preamble;
  std::string kept_;
  std::size_t parts_ = 0;
};

/// The boundary that a Content-Type header names.
/// Errors: invalid_argument when it is not multipart/form-data, or the boundary is missing, longer than 70 characters
/// or has characters that RFC 2046 forbids.
Result<std::string> boundary_of(std::string_view content_type);

/// Reads the head of one part, the lines between a boundary and the empty line.
/// Errors: invalid_argument without a Content-Disposition of form-data with a name, with two of them, or with a folded
/// line.
Result<PartHead> parse_part_head(std::string_view lines);

/// A name that is safe as a file name, made from what a client wrote: its last path component with everything outside
/// A-Z a-z 0-9 . _ - replaced by '_', no leading dot, at most 100 bytes of its end kept. "unnamed" when nothing is
/// left.
std::string safe_file_name(std::string_view client_name);

}  // namespace weir::http

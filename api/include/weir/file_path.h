// Paths of files as people write them.
#pragma once

#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir {

/// The absolute path in `text`: "/data/a.log", "file:/data/a.log", "file:///data/a.log" or
/// "file://localhost/data/a.log". Nothing in it is decoded: a file's name may hold "%20". Lives on: any thread (pure).
/// Errors: invalid_argument, one sentence with the way out: a relative path, since client, planner and workers stand in
/// different directories; a file of another machine; another scheme, such as "s3:".
Result<std::string> parse_file_path(std::string_view text);

}  // namespace weir

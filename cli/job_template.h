// The files that `weir new` writes; made from cli/templates at build time.
#pragma once

#include <string_view>
#include <vector>

namespace weir::cli {

struct TemplateFile {
  std::string_view path;  ///< below the new folder; @name@ and @ident@ stand for the job's name
  std::string_view text;  ///< the same
};

const std::vector<TemplateFile>& job_template();

}  // namespace weir::cli

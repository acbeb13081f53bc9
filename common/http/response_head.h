// The first lines of an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace weir::http {

/// What the head says beside the response itself.
struct HeadTerms {
  bool keep_alive = false;
  bool old_version = false;       ///< HTTP/1.0
  std::string_view allow_origin;  ///< of web.access-control-allow-origin; empty: no header
};

/// Status line and headers, with the empty line that ends them. A header with a line break in it is left out: a value
/// that we were given must not add headers. Lives on: any thread (pure).
/// @param body_bytes  nothing for a body whose length shows at its end
std::string response_head(const Response& response, std::optional<std::uint64_t> body_bytes, const HeadTerms& terms);

}  // namespace weir::http

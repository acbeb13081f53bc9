// Keeps pages of other sites from using the API through the browser of somebody who can reach it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/http/message.h"

namespace weir::jobmanager::rest {

/// Who may ask. Lives on: any thread (a value).
struct OriginPolicy {
  std::string allowed_origin;  ///< web.access-control-allow-origin; empty: none but our own; "*": any
  bool is_loopback = false;    ///< the listener can be reached from this machine alone: only its names are names of it
  std::vector<std::string>
      own_hosts;  ///< names beside those of loopback under which it is reached: rest.address, the host's name
};

/// Whether a request comes from a page that must not ask. Who has no browser sends neither of the headers that are
/// looked at, but Host. A request that changes something (`acts`) is refused when its Origin is neither ours nor the
/// allowed one, or, without an Origin, when the browser says that another site made it. Any request to a loopback
/// listener is refused when its Host is no name of this machine: a page whose name was made to point here (DNS
/// rebinding) counts as ours for the browser. Lives on: any thread (pure).
/// @return one sentence; empty when it may pass
std::string refusal_of_origin(const http::Request& request, bool acts, const OriginPolicy& policy);

}  // namespace weir::jobmanager::rest

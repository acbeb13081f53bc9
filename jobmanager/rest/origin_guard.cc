#include "jobmanager/rest/origin_guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/config/check.h"
#include "common/config/words.h"

namespace weir::jobmanager::rest {

namespace {

using config::lower;

constexpr std::size_t kShownBytes = 200;

/// "[::1]:8081" -> "[::1]", "name:8081" -> "name", in lower case.
std::string host_of(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
    authority = authority.substr(0, colon);
  return lower(config::trimmed(authority));
}

bool is_own_host(std::string_view authority, const OriginPolicy& policy) {
  const std::string host = host_of(authority);
  return config::is_loopback(host) ||
         std::ranges::any_of(policy.own_hosts, [&](const std::string& own) { return lower(own) == host; });
}

/// A proxy in front may speak TLS to the browser, so that the scheme may differ; the Host does not.
bool is_own_origin(std::string_view origin, std::string_view host) {
  const std::string shown = lower(origin);
  const std::string own = lower(host);
  return !own.empty() && (shown == "http://" + own || shown == "https://" + own);
}

std::string foreign_origin(std::string_view origin) {
  return fmt::format(
      "This request was made by a page of another site ({}), which may not change anything here; if it is to, set "
      "web.access-control-allow-origin to its address.",
      printable(origin, kShownBytes));
}

}  // namespace

std::string refusal_of_origin(const http::Request& request, bool acts, const OriginPolicy& policy) {
  if (policy.allowed_origin == "*") return {};
  const std::string_view host = request.header("Host").value_or("");
  if (policy.is_loopback && !host.empty() && !is_own_host(host, policy)) {
    return fmt::format(
        "{} is not a name of this machine, and only this machine may ask here; if it is one, set rest.address to it.",
        printable(host, kShownBytes));
  }
  if (!acts) return {};
  if (const auto origin = request.header("Origin")) {
    const bool is_allowed = !policy.allowed_origin.empty() && lower(*origin) == lower(policy.allowed_origin);
    return is_allowed || is_own_origin(*origin, host) ? std::string() : foreign_origin(*origin);
  }
  const std::string site = lower(request.header("Sec-Fetch-Site").value_or(""));
  return site == "cross-site" || site == "same-site"
             ? foreign_origin(request.header("Referer").value_or("it does not say which"))
             : "";
}

}  // namespace weir::jobmanager::rest

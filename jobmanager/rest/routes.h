#pragma once

#include <span>
#include <string_view>

#include "common/http/message.h"
#include "common/http/router.h"
#include "jobmanager/rest/services.h"

namespace weir::jobmanager::rest {

/// One request on its way to its handler. Lives on: a REST thread, until the handler has taken what it needs.
struct Call {
  http::Request request;
  http::Target target;
  http::Router::Match match;
  const RestServices& services;

  const std::string& parameter(std::string_view name) const { return match.parameter(name); }
};

/// Answers a call, now or later; must not block.
using RouteHandler = void (*)(Call call, http::Responder responder);

struct Route {
  std::string_view method;
  std::string_view pattern;  ///< without /v1
  RouteHandler handler;
  http::BodyRule::Kind body = http::BodyRule::Kind::memory;
};

/// Every route of the API, in one table.
std::span<const Route> routes();

}  // namespace weir::jobmanager::rest

#include "jobmanager/rest/rest_api.h"

#include <fmt/format.h>

#include "jobmanager/rest/jar_handlers.h"
#include "jobmanager/rest/job_handlers.h"
#include "jobmanager/rest/parameters.h"
#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

namespace {

using Outcome = http::Router::Match::Outcome;

/// Flink's words: an unknown page for a browser's GET, an unknown address for everything else.
http::Response no_such_route(const http::Request& request, const http::Target& target,
                             const http::Router::Match& match) {
  bool looks = request.method == "GET" || request.method == "HEAD";
  http::Response response =
      http::error_response(404, {looks ? fmt::format("Unable to load requested file {}.", shown(target.path))
                                       : fmt::format("Not found: {}", shown(request.target))});
  if (!match.allowed.empty()) {
    response.headers.push_back(http::Header{"Allow", fmt::format("{}", fmt::join(match.allowed, ", "))});
  }
  return response;
}

/// Whether a request changes something, or makes user code run.
bool acts(const http::Request& request, const http::Router::Match& match) {
  if (request.method == "OPTIONS") return false;
  if (request.method != "GET" && request.method != "HEAD") return true;
  if (match.outcome != Outcome::found) return false;
  const RouteHandler handler = routes()[static_cast<std::size_t>(match.route)].handler;
  return handler == cancel_job || handler == plan_jar;
}

bool is_hidden(const Call& call) {
  return !call.services.settings.submit_enabled && !call.target.segments.empty() &&
         (call.target.segments[0] == "jars" || (call.target.segments.size() > 1 && call.target.segments[1] == "jars"));
}

}  // namespace

RestApi::RestApi(RestServices services) : services_(std::move(services)) {
  int index = 0;
  for (const Route& route : routes()) router_.add(route.method, route.pattern, index++);
}

http::BodyRule RestApi::body_rule(const http::Request& request) {
  http::BodyRule rule;
  Result<http::Target> target = http::Target::parse(request.target);
  http::Router::Match match;
  if (target.ok()) match = router_.match(request.method, *target);
  rule.refused = refusal_of_origin(request, acts(request, match), services_.settings.origins);
  if (match.outcome != Outcome::found) return rule;
  rule.kind = routes()[static_cast<std::size_t>(match.route)].body;
  if (rule.kind == http::BodyRule::Kind::form) rule.bytes_max = services_.settings.upload_bytes_max;
  return rule;
}

void RestApi::handle(http::Request request, http::Responder responder) {
  Result<http::Target> target = http::Target::parse(request.target);
  if (!target.ok()) return responder.answer(http::error_response(400, {target.error().message}));
  http::Router::Match match = router_.match(request.method, *target);
  if (match.outcome != Outcome::found) return responder.answer(no_such_route(request, *target, match));
  int route = match.route;
  Call call{std::move(request), std::move(target).value(), std::move(match), services_};
  if (is_hidden(call)) return responder.answer(no_such_route(call.request, call.target, http::Router::Match()));
  routes()[static_cast<std::size_t>(route)].handler(std::move(call), std::move(responder));
}

}  // namespace weir::jobmanager::rest

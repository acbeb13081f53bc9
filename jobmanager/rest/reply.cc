#include "jobmanager/rest/reply.h"

#include "common/http/json.h"

namespace weir::jobmanager::rest {

namespace {

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return 400;
    case ErrorCode::permission_denied: return 403;
    case ErrorCode::not_found: return 404;
    case ErrorCode::deadline_exceeded: return 408;
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition: return 409;
    case ErrorCode::resource_exhausted: return 413;
    case ErrorCode::unavailable: return 503;
    default: return 500;
  }
}

}  // namespace

http::Response json_response(unsigned status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = std::string(http::kJsonContentType);
  response.body = std::move(body);
  return response;
}

http::Response error_response_of(const Error& error) {
  unsigned status = status_of(error.code);
  if (status == 500 && error.blame == Blame::user) status = 400;  // a damaged bundle, say
  if (status == 500) return http::error_response(500, {"Internal server error.", error.message});
  return http::error_response(status, {error.message});
}

Reply<void> reply_empty(http::Responder responder, unsigned status) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  return [shared, status](Result<void> outcome) {
    shared->answer(outcome.ok() ? json_response(status, "{}") : error_response_of(outcome.error()));
  };
}

}  // namespace weir::jobmanager::rest

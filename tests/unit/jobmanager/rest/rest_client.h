// Asks a RestApi without a server in between.
#pragma once

#include <optional>
#include <string>

#include "jobmanager/rest/rest_api.h"

namespace weir::jobmanager::rest {

inline http::Response ask(RestApi& api, http::Request request) {
  std::optional<http::Response> answer;
  api.handle(std::move(request), http::Responder([&](http::Response response) { answer = std::move(response); }));
  if (const auto* work = std::get_if<http::RenderedBody>(&answer->body)) answer = http::Response(work->make());
  if (const auto* work = std::get_if<http::BlockingBody>(&answer->body)) return work->make();
  return std::move(answer.value());
}

inline http::Response ask(RestApi& api, const std::string& method, const std::string& target,
                          const std::string& body = "") {
  http::Request request;
  request.method = method;
  request.target = target;
  request.body = body;
  return ask(api, std::move(request));
}

inline const std::string& body_of(const http::Response& response) { return std::get<std::string>(response.body); }

}  // namespace weir::jobmanager::rest

// How handlers answer: an Error becomes a status, a value becomes JSON.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/http/message.h"
#include "jobmanager/rest/backend.h"

namespace weir::jobmanager::rest {

/// A JSON body with a status.
http::Response json_response(unsigned status, std::string body);

/// The answer to a failed request. The status follows the Error's code (see Answer); 500 has "Internal server error."
/// in front.
http::Response error_response_of(const Error& error);

/// An Answer that gives `responder` what `view` makes of the value, or the Error as a status.
template <class T>
Answer<T> reply(http::Responder responder, std::function<http::Response(const T&)> view) {
  // shared: a std::function can be copied, and whoever drops the last copy unanswered answers with 500.
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  return [shared, view = std::move(view)](Result<T> outcome) {
    shared->answer(outcome.ok() ? view(*outcome) : error_response_of(outcome.error()));
  };
}

/// The same with 200 and the JSON text that `view` makes.
template <class T>
Answer<T> reply_json(http::Responder responder, std::function<std::string(const T&)> view) {
  return reply<T>(std::move(responder),
                  [view = std::move(view)](const T& value) { return json_response(200, view(value)); });
}

/// An Answer without a value: `{}` with a status.
Answer<void> reply_empty(http::Responder responder, unsigned status);

}  // namespace weir::jobmanager::rest

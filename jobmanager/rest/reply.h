// How handlers reply: an Error becomes a status, a value becomes JSON.
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

/// The reply to a failed request. The status follows the Error's code (see Reply); 500 has "Internal server error."
/// in front.
http::Response error_response_of(const Error& error);

/// A Reply that sends what `view` makes of the value, or the Error as a status. `view` runs on the REST thread of the
/// connection, so that whoever replies only hands the value over; what it throws is status 500 for this request.
template <class T>
Reply<T> render(http::Responder responder, std::function<http::Response(const T&)> view) {
  // Shared, because a std::function can be copied. When the last copy goes unused, the request is replied to with 500.
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  return [shared, view = std::move(view)](Result<T> outcome) {
    if (!outcome.ok()) return shared->answer(error_response_of(outcome.error()));
    http::Response response;
    response.body = http::RenderedBody{
        [view, value = std::make_shared<const T>(std::move(outcome).value())] { return view(*value); }};
    shared->answer(std::move(response));
  };
}

/// The same for a shared value.
template <class T>
Reply<Shared<T>> render_shared(http::Responder responder, std::function<http::Response(const T&)> view) {
  return render<Shared<T>>(std::move(responder),
                           [view = std::move(view)](const Shared<T>& value) { return view(*value); });
}

/// The same with 200 and the JSON text that `view` makes.
template <class T>
Reply<Shared<T>> render_json(http::Responder responder, std::function<std::string(const T&)> view) {
  return render_shared<T>(std::move(responder),
                          [view = std::move(view)](const T& value) { return json_response(200, view(value)); });
}

/// A Reply without a value: `{}` with a status.
Reply<void> reply_empty(http::Responder responder, unsigned status);

}  // namespace weir::jobmanager::rest

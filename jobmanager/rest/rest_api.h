#pragma once

#include "common/http/message.h"
#include "common/http/router.h"
#include "jobmanager/rest/services.h"

namespace weir::jobmanager::rest {

/// The REST API: gives every request to the handler that the table of routes names.
/// Lives on: any thread (const once made). Owned by the daemon; outlives the HTTP server.
class RestApi : public http::Handler {
 public:
  explicit RestApi(RestServices services);

  http::BodyRule body_rule(const http::Request& request) override;
  void handle(http::Request request, http::Responder responder) override;

 private:
  RestServices services_;
  http::Router router_;
};

}  // namespace weir::jobmanager::rest

#include "jobmanager/rest/jar_handlers.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/http/multipart.h"
#include "jobmanager/rest/reply.h"
#include "jobmanager/rest/run_request.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

bool has_known_ending(std::string_view name) {
  return name.ends_with(".so") || name.ends_with(".tar.gz") || name.ends_with(".sql") || name.ends_with(".jar");
}

}  // namespace

void get_jars(Call call, http::Responder responder) {
  // Clients put paths behind this address, so the one that they reached us by is the best.
  std::optional<std::string_view> host = call.request.header("Host");
  std::string address = host ? fmt::format("http://{}", *host) : call.services.settings.address;
  call.services.jars.jars(render_json<std::vector<JarDetails>>(
      std::move(responder), [address](const std::vector<JarDetails>& jars) { return jars_view(jars, address); }));
}

void upload_jar(Call call, http::Responder responder) {
  std::vector<http::FormPart>& parts = call.request.parts;
  auto is_file = [](const http::FormPart& part) { return part.file.has_value(); };
  auto files = std::count_if(parts.begin(), parts.end(), is_file);
  if (files != 1)
    return responder.answer(
        http::error_response(400, {fmt::format("Exactly 1 file must be sent, received {}.", files)}));
  http::FormPart part = std::move(*std::find_if(parts.begin(), parts.end(), is_file));
  if (!has_known_ending(http::safe_file_name(part.file_name))) {
    return responder.answer(http::error_response(
        400, {fmt::format("Only job libraries (.so, .jar), bundles (.tar.gz) and scripts (.sql) are allowed: {}",
                          http::safe_file_name(part.file_name))}));
  }
  auto view = [directory = call.services.settings.upload_directory](const std::string& jar_id) {
    return json_response(200, uploaded_view(fmt::format("{}/{}", directory, jar_id)));
  };
  call.services.jars.add(std::move(*part.file), part.file_name, render<std::string>(std::move(responder), view));
}

void delete_jar(Call call, http::Responder responder) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  const std::string& id = call.parameter("jarid");
  call.services.jars.remove(id, [shared, id](Result<void> outcome) {
    if (outcome.ok()) return shared->answer(json_response(200, "{}"));
    if (outcome.error().code != ErrorCode::not_found) return shared->answer(error_response_of(outcome.error()));
    shared->answer(http::error_response(400, {fmt::format("File {} does not exist.", id)}));
  });
}

void plan_jar(Call call, http::Responder responder) {
  Result<RunRequest> request = read_run_request(call.parameter("jarid"), call.request.body, call.target.query);
  if (!request.ok()) return responder.answer(error_response_of(request.error()));
  call.services.jars.plan(std::move(request).value(),
                          render<PlannedJob>(std::move(responder), [](const PlannedJob& job) {
                            return json_response(200, job_plan_view(job.plan_json, job.warnings));
                          }));
}

void run_jar(Call call, http::Responder responder) {
  Result<RunRequest> request = read_run_request(call.parameter("jarid"), call.request.body, call.target.query);
  if (!request.ok()) return responder.answer(error_response_of(request.error()));
  call.services.jars.run(std::move(request).value(),
                         render<StartedJob>(std::move(responder), [](const StartedJob& job) {
                           return json_response(200, job_started_view(job));
                         }));
}

}  // namespace weir::jobmanager::rest

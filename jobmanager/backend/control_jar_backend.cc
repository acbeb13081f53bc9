#include "jobmanager/backend/control_jar_backend.h"

#include <utility>

#include "common/base/try.h"
#include "common/plan/plan_json.h"
#include "jobmanager/backend/question.h"

namespace weir::jobmanager {

ControlJarBackend::ControlJarBackend(asio::any_io_executor control, BlobStore& blobs, ArtefactSweeper& sweeper,
                                     Submission& submission)
    : control_(control),
      blobs_(blobs),
      sweeper_(sweeper),
      submission_(submission),
      scope_(control, "REST questions about artefacts") {}

void ControlJarBackend::jars(rest::Reply<rest::Shared<std::vector<JarDetails>>> reply) {
  ask<rest::Shared<std::vector<JarDetails>>>(control_, std::move(reply), [this] { return jars_now(); });
}

rest::Shared<std::vector<JarDetails>> ControlJarBackend::jars_now() const {
  auto all = std::make_shared<std::vector<JarDetails>>();
  for (const auto& jar : blobs_.jars()) all->push_back({jar.id, jar.name, jar.uploaded, jar.artefact.entries});
  return all;
}

void ControlJarBackend::add(http::SpooledFile file, std::string client_name, rest::Reply<std::string> reply) {
  // Shared, because what is posted must be copyable.
  auto shared = std::make_shared<http::SpooledFile>(std::move(file));
  asio::post(control_, [this, shared, name = std::move(client_name), reply = std::move(reply)]() mutable {
    scope_.start("add artefact", reply_with<std::string>(std::move(reply), add_file(shared, std::move(name))));
  });
}

Async<std::string> ControlJarBackend::add_file(std::shared_ptr<http::SpooledFile> file, std::string client_name) {
  auto added = co_await blobs_.add(file->path(), std::move(client_name));
  co_await blobs_.discard(file->keep());
  co_return added;
}

void ControlJarBackend::remove(std::string jar_id, rest::Reply<void> reply) {
  asio::post(control_, [this, id = std::move(jar_id), reply = std::move(reply)]() mutable {
    scope_.start("remove artefact", reply_with<void>(std::move(reply), remove_jar(std::move(id))));
  });
}

Async<Result<void>> ControlJarBackend::remove_jar(std::string jar_id) {
  auto removed = co_await blobs_.remove(std::move(jar_id));
  sweeper_.sweep_soon();
  co_return removed;
}

void ControlJarBackend::plan(RunRequest request, rest::Reply<PlannedJob> reply) {
  asio::post(control_, [this, request = std::move(request), reply = std::move(reply)]() mutable {
    scope_.start("plan job", reply_with<PlannedJob>(std::move(reply), plan_job(std::move(request))));
  });
}

Async<PlannedJob> ControlJarBackend::plan_job(RunRequest request) {
  CO_TRY(auto planned, co_await submission_.plan(std::move(request)));
  PlannedJob job{plan::plan_json(planned.graph, planned.submission.plan, planned.submission.id.to_hex()),
                 std::move(planned.submission.warnings)};
  co_return job;
}

void ControlJarBackend::run(RunRequest request, rest::Reply<StartedJob> reply) {
  asio::post(control_, [this, request = std::move(request), reply = std::move(reply)]() mutable {
    scope_.start("run job", reply_with<StartedJob>(std::move(reply), submission_.run(std::move(request))));
  });
}

}  // namespace weir::jobmanager

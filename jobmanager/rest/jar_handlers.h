// Uploaded artefacts: list, upload, delete, plan, run. Called on REST threads.
#pragma once

#include "jobmanager/rest/routes.h"

namespace weir::jobmanager::rest {

void get_jars(Call call, http::Responder responder);
/// A form with exactly one file, under any field name; tools call it "jarfile".
void upload_jar(Call call, http::Responder responder);
void delete_jar(Call call, http::Responder responder);
void plan_jar(Call call, http::Responder responder);
void run_jar(Call call, http::Responder responder);

}  // namespace weir::jobmanager::rest

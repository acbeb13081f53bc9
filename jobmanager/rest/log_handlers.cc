#include "jobmanager/rest/log_handlers.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "jobmanager/rest/parameters.h"
#include "jobmanager/rest/reply.h"
#include "jobmanager/rest/views.h"

namespace weir::jobmanager::rest {

namespace {

http::Response text_response() {
  http::Response response;
  response.content_type = "text/plain";
  return response;
}

http::Response no_such_file(const Call& call) {
  return http::error_response(404, {fmt::format("Unable to load requested file {}.", shown(call.target.path))});
}

/// A file of a TaskManager on its way to the client: the next piece is fetched when the last one was sent.
struct RemoteLog {
  ClusterBackend& cluster;
  std::string task_manager_id;
  LogChoice choice;
  std::uint64_t offset = 0;
  std::uint64_t end =
      0;  // the size when the client asked: what is written meanwhile is not sent, or a busy log would never end
  std::string first;  // fetched before the answer began

  void next(http::StreamBody::Taker take) {
    if (!first.empty()) return take(std::exchange(first, {}));
    if (offset >= end) return take(std::string());
    cluster.read_log(task_manager_id, choice, offset, [this, take = std::move(take)](Result<LogPiece> piece) {
      if (!piece.ok()) return take(piece.error());
      std::string content = std::move(piece->content);
      if (content.size() > end - offset) content.resize(end - offset);
      offset += content.size();
      take(std::move(content));
    });
  }
};

http::Response stream(std::shared_ptr<RemoteLog> log) {
  http::Response response = text_response();
  response.body = http::StreamBody{[log](http::StreamBody::Taker take) {
    // The question keeps the log alive until it is answered, even when the client has gone.
    log->next([log, take = std::move(take)](Result<std::string> piece) { take(std::move(piece)); });
  }};
  return response;
}

void send_remote_log(Call call, http::Responder responder, LogChoice choice) {
  auto log = std::make_shared<RemoteLog>(
      RemoteLog{call.services.cluster, call.parameter("taskmanagerid"), std::move(choice), 0, 0, ""});
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  call.services.cluster.read_log(log->task_manager_id, log->choice, 0, [shared, log](Result<LogPiece> piece) {
    if (!piece.ok()) return shared->answer(error_response_of(piece.error()));
    log->end = piece->file_bytes;
    log->first = std::move(piece->content);
    if (log->first.size() > log->end) log->end = log->first.size();
    log->offset = log->first.size();
    if (log->offset < log->end) return shared->answer(stream(log));
    http::Response response = text_response();
    response.body = std::move(log->first);
    shared->answer(std::move(response));
  });
}

/// A file of this machine.
void send_local_log(const Call& call, http::Responder responder, const std::string& path) {
  if (path.empty()) return responder.answer(no_such_file(call));
  http::Response response;
  response.body = http::BlockingBody{[path, missing = no_such_file(call)] {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return missing;
    http::Response text = text_response();
    text.body = http::FileBody{path, 0, std::nullopt};
    return text;
  }};
  responder.answer(std::move(response));
}

std::vector<LogFile> list_files(const std::string& directory) {
  std::vector<LogFile> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    struct stat about {};
    if (::stat(entries->path().c_str(), &about) != 0 || !S_ISREG(about.st_mode)) continue;
    LogFile file;
    file.name = entries->path().filename().string();
    file.bytes = static_cast<std::uint64_t>(about.st_size);
    file.modified = WallTime(std::chrono::seconds(about.st_mtim.tv_sec) +
                             std::chrono::milliseconds(about.st_mtim.tv_nsec / 1'000'000));
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(), [](const LogFile& a, const LogFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

void get_task_manager_log(Call call, http::Responder responder) {
  send_remote_log(std::move(call), std::move(responder), LogChoice{LogChoice::Kind::log, ""});
}

void get_task_manager_stdout(Call call, http::Responder responder) {
  send_remote_log(std::move(call), std::move(responder), LogChoice{LogChoice::Kind::standard_output, ""});
}

void get_task_manager_logs(Call call, http::Responder responder) {
  call.services.cluster.list_logs(
      call.parameter("taskmanagerid"),
      render<std::vector<LogFile>>(std::move(responder), [](const std::vector<LogFile>& files) {
        return json_response(200, logs_view(files));
      }));
}

void get_task_manager_log_file(Call call, http::Responder responder) {
  std::string name = call.parameter("filename");
  if (name.find('/') != std::string::npos || name.starts_with('.')) return responder.answer(no_such_file(call));
  send_remote_log(std::move(call), std::move(responder), LogChoice{LogChoice::Kind::named, std::move(name)});
}

void get_job_manager_log(Call call, http::Responder responder) {
  send_local_log(call, std::move(responder), call.services.settings.log_file);
}

void get_job_manager_stdout(Call call, http::Responder responder) {
  send_local_log(call, std::move(responder), call.services.settings.stdout_file);
}

void get_job_manager_logs(Call call, http::Responder responder) {
  const std::string& directory = call.services.settings.log_directory;
  if (directory.empty()) return responder.answer(json_response(200, logs_view({})));
  http::Response response;
  response.body = http::BlockingBody{[directory] { return json_response(200, logs_view(list_files(directory))); }};
  responder.answer(std::move(response));
}

void get_job_manager_log_file(Call call, http::Responder responder) {
  const std::string& directory = call.services.settings.log_directory;
  const std::string& name = call.parameter("filename");
  // A name is one path component and no hidden file; everything else cannot be a log.
  bool plain = !directory.empty() && name.find('/') == std::string::npos && !name.starts_with('.');
  send_local_log(call, std::move(responder), plain ? directory + "/" + name : "");
}

}  // namespace weir::jobmanager::rest

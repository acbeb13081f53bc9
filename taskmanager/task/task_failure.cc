#include "taskmanager/task/task_failure.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace weir::taskmanager {

namespace {

std::string readable_name(const std::type_info& type) {
  int status = 0;
  char* const name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string text = status == 0 ? name : type.name();
  std::free(name);  // NOLINT: the interface of the C++ runtime
  return text;
}

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "InvalidArgument";
    case ErrorCode::not_found: return "NotFound";
    case ErrorCode::already_exists: return "AlreadyExists";
    case ErrorCode::failed_precondition: return "FailedPrecondition";
    case ErrorCode::unavailable: return "Unavailable";
    case ErrorCode::deadline_exceeded: return "DeadlineExceeded";
    case ErrorCode::cancelled: return "Cancelled";
    case ErrorCode::resource_exhausted: return "ResourceExhausted";
    case ErrorCode::corrupt: return "Corrupt";
    case ErrorCode::fenced: return "Fenced";
    case ErrorCode::permission_denied: return "PermissionDenied";
    case ErrorCode::io: return "InputOutput";
    case ErrorCode::user_code: return "UserCode";
    case ErrorCode::internal: return "Internal";
    case ErrorCode::unknown: break;
  }
  return "Unknown";
}

/// Jobs have many tasks, and each may fail with a record in its message.
constexpr std::size_t kMessageBytesMax = 32 * 1024;
constexpr std::size_t kStackBytesMax = 64 * 1024;
constexpr std::size_t kTypeBytesMax = 1024;

std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const std::size_t left_out = text.size() - bytes_max;
  text.resize(bytes_max);
  return text += fmt::format("... ({} more bytes)", left_out);
}

TaskFailure bounded(TaskFailure failure) {
  failure.exception = cut(std::move(failure.exception), kTypeBytesMax);
  failure.message = cut(std::move(failure.message), kMessageBytesMax);
  failure.stack_trace = cut(std::move(failure.stack_trace), kStackBytesMax);
  return failure;
}

}  // namespace

TaskFailure failure_of(const Error& error, std::string place) {
  return bounded({.exception = fmt::format("weir::Error ({})", name_of(error.code)),
                  .message = error.message,
                  .stack_trace = std::move(place),
                  .blame = error.blame});
}

TaskFailure failure_of_exception(std::string place, ThrowPlace throw_place) {
  TaskFailure failure;
  failure.blame = Blame::user;
  failure.stack_trace = std::move(place);
  failure.thrown = std::current_exception();
  if (throw_place != nullptr) {
    if (const auto frames = throw_place(); !frames.empty()) failure.stack_trace += "\n" + frames;
  }
  try {
    throw;
  } catch (const std::exception& thrown) {
    failure.exception = readable_name(typeid(thrown));
    failure.message = thrown.what();
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    failure.exception = type != nullptr ? readable_name(*type) : "unknown";
    failure.message = "an object that is no std::exception was thrown";
  }
  return bounded(std::move(failure));
}

}  // namespace weir::taskmanager

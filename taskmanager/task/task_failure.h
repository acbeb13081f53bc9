// Why a task failed, in words.
#pragma once

#include <exception>
#include <string>

#include "weir/result.h"

namespace weir::taskmanager {

/// As people read it. A value.
struct TaskFailure {
  std::string exception;  ///< type of what was thrown, or the kind of error
  std::string message;
  std::string stack_trace;  ///< operator, and source places as far as they are known
  Blame blame = Blame::internal;
  /// What was thrown, for those who can throw it on; null for an error that was returned. Its type may belong to the
  /// job's library: let it go before that is closed.
  std::exception_ptr thrown = nullptr;
};

/// Where the last exception of this thread was thrown, one frame a line; empty when that is not known.
using ThrowPlace = std::string (*)();

/// @param place  "in operator 'x'"
TaskFailure failure_of(const Error& error, std::string place);
/// Of the exception being handled: call it in a catch block.
TaskFailure failure_of_exception(std::string place, ThrowPlace throw_place);

}  // namespace weir::taskmanager

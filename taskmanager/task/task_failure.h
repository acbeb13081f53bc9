// Why a task failed, in words.
#pragma once

#include <string>

#include "weir/result.h"

namespace weir::taskmanager {

/// As people read it. A value.
struct TaskFailure {
  std::string exception;  ///< type of what was thrown, or the kind of error
  std::string message;
  std::string stack_trace;  ///< operator, and source places as far as they are known
  bool user_code = false;
};

/// Where the last exception of this thread was thrown, one frame a line; empty when that is not known.
using ThrowPlace = std::string (*)();

/// @param place  "in operator 'x'"
TaskFailure failure_of(const Error& error, std::string place);
/// Of the exception being handled: call it in a catch block.
TaskFailure failure_of_exception(std::string place, ThrowPlace throw_place);

}  // namespace weir::taskmanager

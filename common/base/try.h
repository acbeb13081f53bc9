// TRY and CO_TRY hand an Error to the caller, or bind the value.
#pragma once

#include "weir/result.h"

#define WEIR_TRY_JOIN2(a, b) a##b
#define WEIR_TRY_JOIN(a, b) WEIR_TRY_JOIN2(a, b)

/// TRY(auto file, open(path));   returns the Error from the enclosing function, or declares `file`.
#define TRY(declaration, ...) WEIR_TRY_IMPL(return, WEIR_TRY_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
/// TRY_VOID(sync(file));   the same for Result<void>.
#define TRY_VOID(...) WEIR_TRY_VOID_IMPL(return, WEIR_TRY_JOIN(try_result_, __LINE__), __VA_ARGS__)
/// The same inside a coroutine. A plain statement: no co_await inside a statement expression.
#define CO_TRY(declaration, ...) \
  WEIR_TRY_IMPL(co_return, WEIR_TRY_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
#define CO_TRY_VOID(...) WEIR_TRY_VOID_IMPL(co_return, WEIR_TRY_JOIN(try_result_, __LINE__), __VA_ARGS__)

#define WEIR_TRY_IMPL(leave, name, declaration, ...) \
  auto name = __VA_ARGS__;                           \
  if (!name.ok()) leave std::move(name).error();     \
  declaration = std::move(name).value()
#define WEIR_TRY_VOID_IMPL(leave, name, ...)       \
  do {                                             \
    auto name = __VA_ARGS__;                       \
    if (!name.ok()) leave std::move(name).error(); \
  } while (false)

#include "taskmanager/crash/throw_place.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

using namespace weir::taskmanager;

namespace {

void (*function_of(const char* library, const char* name))() {
  void* handle = ::dlopen(library, RTLD_NOW);
  REQUIRE_MESSAGE(handle != nullptr, ::dlerror());
  auto* function = reinterpret_cast<void (*)()>(::dlsym(handle, name));
  const bool found = function != nullptr;
  REQUIRE(found);
  return function;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("throw_place: an exception from a user's library has function and line of its throw") {
  auto* run = function_of(CRASHING_LIBRARY, "throw_order");
  std::string stack;
  try {
    run();
  } catch (const std::exception&) {
    stack = last_throw_stack();
  }
  CAPTURE(stack);
  CHECK(stack.starts_with("    at weir_test::Order::price() const ("));
  CHECK(contains(stack, "crashing_library.cc:23)"));
  CHECK(contains(stack, "at throw_order ("));
}

TEST_CASE("throw_place: an exception out of the standard library names the user's function that called it") {
  auto* run = function_of(CRASHING_LIBRARY, "throw_from_library");
  std::string stack;
  try {
    run();
  } catch (const std::exception&) {
    stack = last_throw_stack();
  }
  CAPTURE(stack);
  CHECK(contains(stack, "at throw_from_library ("));
}

TEST_CASE("throw_place: outside a catch block there is no place") {
  try {
    throw std::runtime_error("seen");
  } catch (const std::exception&) {
  }
  CHECK(last_throw_frames().empty());
  CHECK(last_throw_stack().empty());
}

TEST_CASE("throw_place: exceptions thrown and caught in between do not hide the one that is handled") {
  try {
    throw std::runtime_error("outer");
  } catch (const std::exception&) {
    const auto before = last_throw_frames();
    try {
      throw std::logic_error("inner");
    } catch (const std::exception&) {
      CHECK(last_throw_frames() != before);
    }
    CHECK_FALSE(before.empty());
    CHECK(last_throw_frames() == before);
  }
}

TEST_CASE("throw_place: an exception that is thrown again keeps its first place") {
  try {
    try {
      throw std::runtime_error("first");
    } catch (const std::exception&) {
      const auto before = last_throw_frames();
      CHECK_FALSE(before.empty());
      throw;
    }
  } catch (const std::exception&) {
    CHECK_FALSE(last_throw_frames().empty());
  }
}

TEST_CASE("throw_place: an exception from another thread has no place here") {
  std::exception_ptr carried;
  std::thread([&] {
    try {
      throw std::runtime_error("elsewhere");
    } catch (const std::exception&) {
      carried = std::current_exception();
    }
  }).join();
  try {
    std::rethrow_exception(carried);
  } catch (const std::exception&) {
    CHECK(last_throw_frames().empty());
  }
}

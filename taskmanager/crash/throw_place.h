// Where an exception was thrown, for the report about user code that did not catch it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::taskmanager {

/// Return addresses from the `throw` outwards of the exception that is being handled: call it inside the catch block.
/// Empty when the exception was thrown on another thread, or when many others were thrown and caught since. Lives on:
/// any thread. A program that links it has its own __cxa_throw, which notes the place and goes on in libstdc++'s; the
/// last few throws of each thread are kept, so that exceptions in destructors and nested handlers do no harm.
std::vector<std::uint64_t> last_throw_frames();

/// The same as text, one "    at function (file:line) [module+0xoffset]" per line, found with the debug information of
/// this process's modules. Slow (up to seconds for large libraries, once per failure): meant for the task that ends.
/// Empty when there is no place.
std::string last_throw_stack();

}  // namespace weir::taskmanager

// operator new, counted, for the whole program that links it.
#pragma once

#include <cstdint>

namespace weir::test {

/// How often anything has been taken from the heap by operator new. Lives on: any thread.
std::uint64_t allocations();

}  // namespace weir::test

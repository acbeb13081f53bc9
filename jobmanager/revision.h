#pragma once

#include <string_view>

namespace weir::jobmanager {

/// The commit that was built and its time, "0980485 @ 2026-06-08T09:21:06+02:00"; "unknown" where the sources came
/// without their history. Lives on: any thread (pure).
std::string_view revision();

}  // namespace weir::jobmanager

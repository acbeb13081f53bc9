// What two runs of one build function must agree on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/plan/job_graph.h"

namespace weir::plan {

/// XXH3-128 over the canonical plan (operators in order: name, uid, kind, role, type schemas, edges, partitioners,
/// parallelism, max parallelism, chain flags, slot sharing group; the job's own parallelism) and the artefact's hash.
/// Never over code addresses, nor over what the cluster adds. Lives on: any thread (pure).
/// @param artefact_key  hex SHA-256 of the artefact's file
/// @return              16 bytes
std::string fingerprint(const Plan& plan, std::string_view artefact_key);

/// One number per operator, in operator order: what `fingerprint` takes of it.
std::vector<std::uint64_t> operator_digests(const Plan& plan);

/// Why two plans of one artefact differ, in words for the author of the job; nothing when they agree.
/// @param expected   operator_digests of the plan that was submitted
/// @param actual     the plan that was made here
std::optional<std::string> first_difference(const std::vector<std::uint64_t>& expected, const Plan& actual);

}  // namespace weir::plan

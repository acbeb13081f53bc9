#include "common/plan/fingerprint.h"

#include <fmt/format.h>

#include "common/base/checksum.h"

namespace weir::plan {

namespace {

/// Numbers as eight bytes, little endian; texts with their length in front: no two plans have the same bytes.
class Canonical {
 public:
  void number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(value >> shift));
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
  }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

void append(const PlannedOperator& planned, Canonical& out) {
  out.number(planned.id);
  out.text(planned.name);
  out.text(planned.uid);
  out.text(planned.kind);
  out.number(static_cast<std::uint64_t>(planned.role));
  out.number(static_cast<std::uint64_t>(planned.parallelism));
  out.number(static_cast<std::uint64_t>(planned.max_parallelism));
  out.text(planned.slot_sharing_group);
  out.number(static_cast<std::uint64_t>(planned.chaining));
  out.number((planned.stateful ? 1u : 0u) | (planned.bounded ? 2u : 0u));
  out.number(planned.inputs.size());
  for (const auto& input : planned.inputs) {
    out.number(input.source);
    out.number(input.output);
    out.number(input.input);
    out.number(static_cast<std::uint64_t>(input.partitioner));
    out.text(input.key_schema);
    out.number((input.strict ? 1u : 0u) | (input.mode == ExchangeMode::blocking ? 2u : 0u));
  }
  out.number(planned.outputs.size());
  for (const auto& output : planned.outputs) {
    out.text(output.tag);
    out.text(output.schema);
  }
}

}  // namespace

std::string fingerprint(const Plan& plan, std::string_view artefact_key) {
  Canonical canonical;
  canonical.text(artefact_key);
  canonical.text(plan.job_name);
  canonical.number(static_cast<std::uint64_t>(plan.parallelism));
  canonical.number(static_cast<std::uint64_t>(plan.max_parallelism));
  canonical.number(plan.operators.size());
  for (const auto& planned : plan.operators) append(planned, canonical);
  const auto digest = xxh3_128(canonical.bytes());
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

std::vector<std::uint64_t> operator_digests(const Plan& plan) {
  std::vector<std::uint64_t> digests;
  for (const auto& planned : plan.operators) {
    Canonical canonical;
    append(planned, canonical);
    digests.push_back(xxh3_64(canonical.bytes()));
  }
  return digests;
}

std::optional<std::string> first_difference(const std::vector<std::uint64_t>& expected, const Plan& actual) {
  const auto digests = operator_digests(actual);
  for (std::size_t i = 0; i < digests.size() && i < expected.size(); ++i) {
    if (digests[i] == expected[i]) continue;
    return fmt::format("operator {} ('{}') differs from the one in the submitted plan", i + 1,
                       actual.operators[i].name);
  }
  if (digests.size() > expected.size()) {
    return fmt::format("operator {} ('{}') is not in the submitted plan", expected.size() + 1,
                       actual.operators[expected.size()].name);
  }
  if (digests.size() < expected.size()) {
    return fmt::format("the submitted plan has {} operators, the build function made {}", expected.size(),
                       digests.size());
  }
  return std::nullopt;
}

}  // namespace weir::plan

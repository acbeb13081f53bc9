#include "jobmanager/cluster/reconciliation.h"

namespace weir::jobmanager {

Differences Reconciliation::compare(const Belief& believed, const std::set<JobExecution>& reported, SteadyTime now) {
  std::set<JobExecution> missing;
  for (const JobExecution& one : believed.running)
    if (!reported.contains(one) && !believed.unsure.contains(one)) missing.insert(one);
  std::set<JobExecution> strange;
  for (const JobExecution& one : reported)
    if (!believed.running.contains(one) && !believed.unsure.contains(one)) strange.insert(one);
  return {lasting(missing_since_, missing, now), lasting(strange_since_, strange, now)};
}

/// Of those seen now, those that have been seen without a break for the grace.
std::vector<JobExecution> Reconciliation::lasting(Since& since, const std::set<JobExecution>& seen,
                                                  SteadyTime now) const {
  std::erase_if(since, [&](const auto& entry) { return !seen.contains(entry.first); });
  std::vector<JobExecution> lasting;
  for (const JobExecution& one : seen) {
    const SteadyTime first = since.try_emplace(one, now).first->second;
    if (now - first >= grace_) lasting.push_back(one);
  }
  return lasting;
}

}  // namespace weir::jobmanager

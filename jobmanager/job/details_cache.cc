#include "jobmanager/job/details_cache.h"

#include "common/plan/plan_json.h"
#include "jobmanager/job/job.h"

namespace weir::jobmanager {

namespace {

std::shared_ptr<const JobFacts> facts_of(const Job& job) {
  const JobSubmission& submission = job.submission();
  auto facts = std::make_shared<JobFacts>();
  facts->id = submission.id;
  facts->name = job.graph().job_name;
  facts->plan_json = plan::plan_json(job.graph(), submission.plan, submission.id.to_hex());
  facts->restart_strategy = "Restart deactivated.";
  facts->parallelism = submission.parallelism;
  facts->is_batch = job.graph().is_batch;
  facts->global_parameters = submission.global_parameters;
  return facts;
}

SubtaskDetails subtask_of(const Attempt& attempt, std::uint32_t index) {
  SubtaskDetails subtask;
  subtask.subtask = index;
  subtask.attempt = attempt.number;
  subtask.status = attempt.status;
  subtask.entered = attempt.entered;
  subtask.place = attempt.place;
  subtask.counters = attempt.counters;
  subtask.has_counted = attempt.counted_at.has_value();
  if (attempt.status == TaskStatus::running && attempt.earlier_counted_at) {
    subtask.rates =
        rates_between(attempt.earlier_counters, *attempt.earlier_counted_at, attempt.counters, *attempt.counted_at);
  }
  return subtask;
}

std::shared_ptr<const VertexDetails> vertex_of(const Job& job, std::uint32_t index) {
  const auto& vertex = job.graph().vertices[index];
  auto details = std::make_shared<VertexDetails>();
  details->id = vertex.id;
  details->name = vertex.name;
  details->slot_sharing_group = vertex.slot_sharing_group;
  details->max_parallelism = vertex.max_parallelism;
  const auto parallelism = static_cast<std::uint32_t>(vertex.parallelism);
  details->subtasks.reserve(parallelism);
  for (std::uint32_t s = 0; s < parallelism; ++s) {
    details->subtasks.push_back(subtask_of(job.tasks().attempt({index, s}), s));
  }
  return details;
}

}  // namespace

std::shared_ptr<const JobDetails> DetailsCache::details(const Job& job) {
  auto next = std::make_shared<JobDetails>();
  next->facts = last_ != nullptr ? last_->facts : facts_of(job);
  next->status = job.status();
  next->entered = job.entered();
  next->failures = job.failures().list();
  bool has_changed = last_ == nullptr || next->entered != last_->entered || next->failures != last_->failures;
  const auto vertices = static_cast<std::uint32_t>(job.graph().vertices.size());
  versions_.resize(vertices);
  for (std::uint32_t v = 0; v < vertices; ++v) {
    const std::uint64_t version = job.tasks().version(v);
    const bool is_same = last_ != nullptr && versions_[v] == version;
    next->vertices.push_back(is_same ? last_->vertices[v] : vertex_of(job, v));
    versions_[v] = version;
    has_changed = has_changed || !is_same;
  }
  if (has_changed) last_ = std::move(next);
  return last_;
}

}  // namespace weir::jobmanager

// Taking up what an earlier coordinator left.
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "services/coordinator/engine.h"

namespace amaes {
namespace {

// The spec as it was stored, also when an older program stored it.
JobSpec SpecOf(const JobRecord& record) {
  absl::StatusOr<JobSpec> strict = SpecFromCompleteJson(record.spec_json);
  return strict.ok() ? *std::move(strict) : ParseSpec(record.spec_json).spec;
}

JobProgress ProgressOf(const JobRecord& record) {
  absl::StatusOr<JobProgress> progress = ProgressFromJson(record.progress_json);
  if (progress.ok()) return *std::move(progress);
  LogError("coordinator", "progress of a job is lost",
           {{"job", record.id.value}, {"error", progress.status().message()}});
  return JobProgress();
}

}  // namespace

absl::Status Engine::TakeUp() {
  MutexLock lock(mutex_);
  AMAES_ASSIGN_OR_RETURN(const std::vector<JobRecord> records, store_.LiveJobs());
  for (const JobRecord& record : records) AMAES_RETURN_IF_ERROR(Adopt(record.id).status());
  if (!records.empty()) LogInfo("coordinator", "took up live jobs", {{"jobs", records.size()}});
  Wake();
  return absl::OkStatus();
}

// Reads the record under the lock, so that it is the newest.
absl::StatusOr<LiveJob*> Engine::Adopt(const JobId& id) {
  if (LiveJob* known = FindLive(id); known != nullptr) return known;
  AMAES_ASSIGN_OR_RETURN(const JobRecord record, store_.GetJob(id));
  if (IsTerminal(record.state)) return nullptr;
  LiveJob& job = live_[id];
  job.record = record;
  job.spec = SpecOf(record);
  job.progress = ProgressOf(record);
  Changed(job);
  if (record.state != JobState::kQueued) AMAES_RETURN_IF_ERROR(TakeUpAttempt(job));
  return &job;
}

absl::Status Engine::TakeUpAttempt(LiveJob& job) {
  AMAES_ASSIGN_OR_RETURN(AttemptRecord record, store_.GetAttempt(job.record.id, job.record.attempt));
  LiveAttempt& attempt = job.attempt.emplace();
  attempt.record = std::move(record);
  attempt.begun = clock_.Monotonic();
  attempt.taken_up = true;
  attempt.ranks.resize(attempt.record.ranks.size());
  job.progress.ranks.resize(attempt.record.ranks.size());
  for (std::size_t rank = 0; rank < attempt.ranks.size(); ++rank) {
    if (job.progress.ranks[rank].exited) continue;
    const SlotRef& place = attempt.record.ranks[rank];
    nodes_.Expect(place.node, clock_.Monotonic(), clock_.Now());
    nodes_.Occupy(place.node, place.slot, {job.record.id, attempt.record.number, static_cast<int>(rank)});
    attempt.ranks[rank].missing_until = clock_.Monotonic() + options_.lost_after;
  }
  return absl::OkStatus();
}

absl::StatusOr<JobView> Engine::View(const JobRecord& record) {
  {
    MutexLock lock(mutex_);
    if (const LiveJob* job = FindLive(record.id); job != nullptr) return ViewOf(*job);
  }
  return JobView{record, SpecOf(record), ProgressOf(record), 0};
}

}  // namespace amaes

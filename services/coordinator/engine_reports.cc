// What workers say.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

CheckpointRecord NewCheckpoint(const LiveJob& job, const std::string& name, std::int64_t step, AttemptNumber attempt) {
  CheckpointRecord record;
  record.job = job.record.id;
  record.name = name;
  record.step = step;
  record.attempt = attempt;
  record.dataset = job.record.dataset;
  record.dataset_digest = job.spec.training().dataset.digest;
  return record;
}

}  // namespace

LiveJob* Engine::FindCurrent(const NodeId& node, const WorkerName& worker) {
  LiveJob* job = FindLive(worker.job);
  if (job == nullptr || !job->attempt || job->record.attempt != worker.attempt) return nullptr;
  const std::vector<SlotRef>& ranks = job->attempt->record.ranks;
  if (worker.rank < 0 || worker.rank >= static_cast<int>(ranks.size()) || ranks[worker.rank].node != node)
    return nullptr;
  return job;
}

absl::Status Engine::Report(const NodeId& node, const AgentSink* sink, const WorkerName& worker,
                            const WorkerReport& report, std::int64_t sequence) {
  MutexLock lock(mutex_);
  AMAES_RETURN_IF_ERROR(CheckSink(node, sink));
  LiveJob* job = FindCurrent(node, worker);
  if (job == nullptr || job->progress.ranks[worker.rank].exited) {
    AMAES_RETURN_IF_ERROR(Fence(worker, &report));
  } else {
    AMAES_RETURN_IF_ERROR(Apply(*job, worker.rank, report));
  }
  return Settle(node, worker.job, sequence);
}

absl::Status Engine::Exit(const NodeId& node, const AgentSink* sink, const WorkerExit& exit, std::int64_t sequence) {
  MutexLock lock(mutex_);
  AMAES_RETURN_IF_ERROR(CheckSink(node, sink));
  LiveJob* job = FindCurrent(node, exit.worker);
  if (job == nullptr) {
    AMAES_RETURN_IF_ERROR(Fence(exit.worker, nullptr));
    return Settle(node, exit.worker.job, sequence);
  }
  RankOutcome& outcome = job->progress.ranks[exit.worker.rank];
  if (!outcome.exited) {
    const bool asked = job->attempt->stop_sent.has_value();
    const bool orderly = exit.cause == "FINISHED" || exit.cause == "STOPPED" || exit.cause == "ENDED";
    const bool draining = !asked && orderly && exit.cause != "FINISHED" && attached_[node].draining;
    if (outcome.complete || (asked && orderly)) {
      outcome.exited = true;
      if (outcome.cause.empty()) outcome.cause = exit.cause;
      job->dirty = true;
    } else if (draining) {
      FailRank(*job, exit.worker.rank, "NODE_DRAINED", "its agent was stopped", true, false, true);
    } else {
      FailRank(*job, exit.worker.rank, exit.cause == "FINISHED" ? "FAILED" : exit.cause,
               exit.cause == "FINISHED" ? "ended before its work was complete" : exit.message, exit.retryable, true,
               true);
    }
    nodes_.Release(exit.worker.job, exit.worker.attempt, exit.worker.rank);
  }
  return Settle(node, exit.worker.job, sequence);
}

absl::Status Engine::Settle(const NodeId& node, const JobId& id, std::int64_t sequence) {
  if (LiveJob* job = FindLive(id); job != nullptr) {
    AMAES_RETURN_IF_ERROR(Advance(*job));
    job = FindLive(id);
    if (job != nullptr && job->dirty) AMAES_RETURN_IF_ERROR(CommitJob(*job, Change(*job)));
  }
  if (sequence > 0) SendTo(node, AcknowledgeCommand{sequence});
  return absl::OkStatus();
}

// Says so where somebody may look for it: a checkpoint that is on disk and not in the list.
absl::Status Engine::Fence(const WorkerName& worker, const WorkerReport* report) {
  const auto* committed = report == nullptr ? nullptr : std::get_if<CheckpointCommitted>(report);
  if (committed != nullptr) {
    const absl::StatusOr<CheckpointRecord> known = store_.GetCheckpoint(worker.job, committed->name);
    if (known.ok() && known->manifest_sha256 == committed->manifest_sha256) return absl::OkStatus();  // said twice
  }
  Count(metrics_, kFencedReports);
  const absl::StatusOr<JobRecord> job = store_.GetJob(worker.job);
  LogWarning("coordinator", "dropped a report of an attempt that does not hold the job",
             {{"job", worker.job.value}, {"attempt", worker.attempt}, {"rank", worker.rank}});
  if (committed == nullptr || !job.ok()) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  return Commit([&](StoreTransaction& transaction) {
    return transaction.AppendEvent(
        worker.job, now, "FENCED",
        absl::StrCat("checkpoint ", committed->name, " of attempt ", worker.attempt,
                     " was refused: that attempt no longer holds the job (newest: ", job->attempt, ")"));
  });
}

absl::Status Engine::Apply(LiveJob& job, int rank, const WorkerReport& report) {
  RankState& state = job.attempt->ranks[rank];
  state.heard = true;
  const absl::Time now = clock_.Now();
  if (const auto* phase = std::get_if<WorkerPhase>(&report)) {
    state.training = state.training || TakesPart(phase->phase);
    if (rank == 0) job.progress.phase = phase->phase;
  } else if (const auto* value = std::get_if<KeyValue>(&report)) {
    SetValue(job, *value);
    return absl::OkStatus();
  } else if (const auto* wait = std::get_if<KeyWait>(&report)) {
    WaitForValue(job, rank, wait->key);
    return absl::OkStatus();
  } else if (const auto* training = std::get_if<TrainProgress>(&report)) {
    job.first_step = true;  // an update needs every rank's gradients
    if (rank == 0) job.progress.Note(*training, now);
  } else if (const auto* validation = std::get_if<ValidationResult>(&report)) {
    job.progress.Note(*validation, now);
    job.dirty = true;
  } else if (const auto* committed = std::get_if<CheckpointCommitted>(&report)) {
    return NoteCheckpoint(job, *committed);
  } else if (const auto* rejected = std::get_if<CheckpointRejected>(&report)) {
    return MarkCheckpoint(job, rejected->name, CheckpointState::kCorrupt, rejected->reason);
  } else if (const auto* deleted = std::get_if<CheckpointDeleted>(&report)) {
    return MarkCheckpoint(job, deleted->name, CheckpointState::kDeleted, "");
  } else if (const auto* ingest = std::get_if<IngestCount>(&report)) {
    job.first_step = true;
    job.progress.Note(rank, *ingest, now);
  } else if (const auto* staged = std::get_if<DatasetStaged>(&report)) {
    job.progress.staged_digest = staged->digest;
    job.dirty = true;
  } else if (const auto* evaluation = std::get_if<EvaluationCount>(&report)) {
    job.progress.Note(rank, *evaluation, now);
  } else if (const auto* scores = std::get_if<EvaluationScores>(&report)) {
    job.progress.scores = scores->rows;
    job.dirty = true;
  } else if (const auto* finished = std::get_if<WorkerFinished>(&report)) {
    job.progress.ranks[rank].finished = true;
    job.progress.ranks[rank].complete = finished->complete;
    // The last progress report may have been lost with a connection.
    job.progress.training.step = std::max(job.progress.training.step, finished->step);
    job.dirty = true;
  } else if (const auto* failed = std::get_if<WorkerFailed>(&report)) {
    FailRank(job, rank, failed->reason, failed->message, failed->retryable, true, false);
  }
  Changed(job);
  return absl::OkStatus();
}

void Engine::SetValue(LiveJob& job, const KeyValue& value) {
  LiveAttempt& attempt = *job.attempt;
  attempt.values[value.key] = value.value;
  const auto waits = attempt.waits.find(value.key);
  if (waits == attempt.waits.end()) return;
  const std::set<int> ranks = std::move(waits->second);
  attempt.waits.erase(waits);
  for (const int rank : ranks) WaitForValue(job, rank, value.key);
}

void Engine::WaitForValue(LiveJob& job, int rank, const std::string& key) {
  LiveAttempt& attempt = *job.attempt;
  const WorkerName worker{job.record.id, job.record.attempt, rank};
  const NodeId& node = attempt.record.ranks[rank].node;
  const auto found = attempt.values.find(key);
  if (found != attempt.values.end()) {
    SendTo(node, WorkerCommandTo{worker, KeyValue{key, found->second, false}});
  } else if (attempt.stop_sent) {
    SendTo(node, WorkerCommandTo{worker, KeyValue{key, "", true}});
  } else {
    attempt.waits[key].insert(rank);
  }
}

absl::Status Engine::NoteCheckpoint(LiveJob& job, const CheckpointCommitted& report) {
  const JobId& id = job.record.id;
  CheckpointRecord record = NewCheckpoint(job, report.name, report.step, job.record.attempt);
  record.size_bytes = report.size_bytes;
  record.manifest_sha256 = report.manifest_sha256;
  record.parent = report.parent;
  record.metrics = report.metrics;
  record.created = clock_.Now();
  const absl::StatusOr<CheckpointRecord> known = store_.GetCheckpoint(id, report.name);
  if (known.ok() && known->manifest_sha256 == report.manifest_sha256) return absl::OkStatus();  // said twice
  JobChange change = Change(job);
  change.progress.checkpoint_step = report.step;
  if (report.best) change.progress.best_checkpoint = report.name;
  change.progress.checkpoint_time = record.created;
  change.progress.best = std::max(change.progress.best, report.step);
  change.events.emplace_back("CHECKPOINT_COMMITTED", absl::StrCat(report.name, ", ", report.size_bytes, " bytes"));
  // Its attempt died before it could say that it had written the parent; this one has verified it.
  std::optional<CheckpointRecord> parent;
  if (!report.parent.empty() && absl::IsNotFound(store_.GetCheckpoint(id, report.parent).status())) {
    const std::filesystem::path folder = JobFolder(id) / "checkpoints" / report.parent;
    if (const absl::StatusOr<CheckpointManifest> manifest = ReadManifest(folder); manifest.ok()) {
      parent = NewCheckpoint(job, report.parent, manifest->step, manifest->attempt);
      for (const CheckpointFile& file : manifest->files) parent->size_bytes += file.size;
      parent->manifest_sha256 = Sha256OfFile(folder / "manifest.json").value_or("");
      parent->parent = manifest->parent;
      parent->created = record.created;
      change.events.emplace_back("CHECKPOINT_FOUND",
                                 absl::StrCat(report.parent, " was on disk and is now in the list"));
    }
  }
  change.also = [&](StoreTransaction& transaction) -> absl::Status {
    if (parent) AMAES_RETURN_IF_ERROR(transaction.PutCheckpoint(*parent));
    return transaction.PutCheckpoint(record);
  };
  return CommitJob(job, std::move(change));
}

absl::Status Engine::MarkCheckpoint(LiveJob& job, const std::string& name, CheckpointState state,
                                    const std::string& why) {
  const absl::StatusOr<CheckpointRecord> known = store_.GetCheckpoint(job.record.id, name);
  if (known.ok() && known->state == state) return absl::OkStatus();  // said twice
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  CheckpointRecord record = known.ok() ? *known : NewCheckpoint(job, name, 0, 0);
  if (!known.ok()) record.created = clock_.Now();
  record.state = state;
  record.message = why;
  JobChange change = Change(job);
  if (state == CheckpointState::kCorrupt)
    change.events.emplace_back("CHECKPOINT_REJECTED", absl::StrCat(name, ": ", why));
  if (state == CheckpointState::kDeleted)
    change.events.emplace_back("CHECKPOINT_DELETED", absl::StrCat(name, ": retention"));
  if (!known.ok()) return CommitJob(job, std::move(change));  // nothing to mark
  change.also = [&](StoreTransaction& transaction) { return transaction.PutCheckpoint(record); };
  return CommitJob(job, std::move(change));
}

}  // namespace amaes

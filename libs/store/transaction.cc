#include "libs/store/transaction.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/store/metrics_json.h"

namespace amaes::store {
namespace {

// What a job may not become again.
absl::Status CheckSuccession(const JobRecord& before, const JobRecord& after) {
  if (after.attempt < before.attempt) {
    return absl::AbortedError(absl::StrCat("job ", after.id.value, " is at attempt ", before.attempt,
                                           "; a change by attempt ", after.attempt, " is too late"));
  }
  if (IsTerminal(before.state) && after.state != before.state) {
    return absl::FailedPreconditionError(absl::StrCat("job ", after.id.value, " is ", JobStateName(before.state),
                                                      " for good and cannot become ", JobStateName(after.state)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Transaction::PutJob(const JobRecord& job) {
  const absl::StatusOr<JobRecord> before = GetJob(job.id);
  if (before.ok()) {
    AMAES_RETURN_IF_ERROR(CheckSuccession(*before, job));
  } else if (!absl::IsNotFound(before.status())) {
    return before.status();
  }
  AMAES_ASSIGN_OR_RETURN(
      Statement put,
      connection_.Prepare(
          "INSERT INTO jobs (id, name, kind, spec_json, state, reason, message, priority, attempt, restarts, "
          "without_progress, max_restarts, no_progress_limit, not_before, cancel_requested, created, started, "
          "ended, dataset, progress_json, revision) "
          "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1) ON CONFLICT (id) DO UPDATE SET "
          "name=excluded.name, kind=excluded.kind, spec_json=excluded.spec_json, state=excluded.state, "
          "reason=excluded.reason, message=excluded.message, priority=excluded.priority, "
          "attempt=excluded.attempt, restarts=excluded.restarts, without_progress=excluded.without_progress, "
          "max_restarts=excluded.max_restarts, no_progress_limit=excluded.no_progress_limit, "
          "not_before=excluded.not_before, cancel_requested=excluded.cancel_requested, "
          "created=excluded.created, started=excluded.started, ended=excluded.ended, "
          "dataset=excluded.dataset, progress_json=excluded.progress_json, revision=revision+1"));
  put.Bind(job.id.value).Bind(job.name).Bind(job.kind).Bind(job.spec_json).Bind(JobStateName(job.state));
  put.Bind(job.reason).Bind(job.message).Bind(job.priority).Bind(job.attempt).Bind(job.budget.restarts);
  put.Bind(job.budget.without_progress).Bind(job.budget.max_restarts).Bind(job.budget.no_progress_limit);
  put.Bind(job.not_before).Bind(job.cancel_requested).Bind(job.created).Bind(job.started).Bind(job.ended);
  return put.Bind(job.dataset).Bind(job.progress_json).Run();
}

absl::Status Transaction::PutAttempt(const AttemptRecord& attempt) {
  AMAES_ASSIGN_OR_RETURN(
      Statement put,
      connection_.Prepare("INSERT OR REPLACE INTO attempts (job, number, started, ended, cause, message, "
                          "first_failed_rank) VALUES (?,?,?,?,?,?,?)"));
  put.Bind(attempt.job.value).Bind(attempt.number).Bind(attempt.started).Bind(attempt.ended).Bind(attempt.cause);
  AMAES_RETURN_IF_ERROR(put.Bind(attempt.message).Bind(attempt.first_failed_rank).Run());
  return PutRanks(attempt);
}

absl::Status Transaction::PutRanks(const AttemptRecord& attempt) {
  AMAES_ASSIGN_OR_RETURN(Statement clear,
                         connection_.Prepare("DELETE FROM attempt_ranks WHERE job = ? AND attempt = ?"));
  AMAES_RETURN_IF_ERROR(clear.Bind(attempt.job.value).Bind(attempt.number).Run());
  for (std::size_t rank = 0; rank < attempt.ranks.size(); ++rank) {
    const SlotRef& slot = attempt.ranks[rank];
    AMAES_ASSIGN_OR_RETURN(Statement put,
                           connection_.Prepare("INSERT INTO attempt_ranks (job, attempt, rank, node, slot, gpu) "
                                               "VALUES (?,?,?,?,?,?)"));
    put.Bind(attempt.job.value).Bind(attempt.number).Bind(static_cast<std::int64_t>(rank));
    AMAES_RETURN_IF_ERROR(put.Bind(slot.node.value).Bind(slot.slot).Bind(slot.gpu).Run());
  }
  return absl::OkStatus();
}

absl::Status Transaction::PutCheckpoint(const CheckpointRecord& checkpoint) {
  AMAES_ASSIGN_OR_RETURN(
      Statement put,
      connection_.Prepare(
          "INSERT INTO checkpoints (job, name, step, attempt, state, message, size_bytes, manifest_sha256, "
          "parent, dataset, dataset_digest, metrics_json, created) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) "
          "ON CONFLICT (job, name) DO UPDATE SET step=excluded.step, attempt=excluded.attempt, "
          "state=excluded.state, message=excluded.message, size_bytes=excluded.size_bytes, "
          "manifest_sha256=excluded.manifest_sha256, parent=excluded.parent, dataset=excluded.dataset, "
          "dataset_digest=excluded.dataset_digest, metrics_json=excluded.metrics_json, "
          "created=excluded.created"));
  put.Bind(checkpoint.job.value).Bind(checkpoint.name).Bind(checkpoint.step).Bind(checkpoint.attempt);
  put.Bind(CheckpointStateName(checkpoint.state)).Bind(checkpoint.message).Bind(checkpoint.size_bytes);
  put.Bind(checkpoint.manifest_sha256).Bind(checkpoint.parent).Bind(checkpoint.dataset).Bind(checkpoint.dataset_digest);
  return put.Bind(MetricsToJson(checkpoint.metrics)).Bind(checkpoint.created).Run();
}

absl::Status Transaction::PutDataset(const DatasetRecord& dataset) {
  const absl::StatusOr<DatasetRecord> before = GetDataset(dataset.name, dataset.version);
  if (dataset.version < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset ", dataset.name, ": versions count from 1, not ", dataset.version));
  }
  if (before.ok() && before->digest != dataset.digest) {
    return absl::AlreadyExistsError(absl::StrCat("dataset ", dataset.name, "@", dataset.version,
                                                 " exists with the digest ", before->digest, ", which is not ",
                                                 dataset.digest));
  }
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  AMAES_ASSIGN_OR_RETURN(
      Statement put,
      connection_.Prepare(
          "INSERT INTO datasets (name, version, digest, contract_json, volumes, training_volumes, "
          "held_out_volumes, subjects, held_out_subjects, quarantined, duplicates, skipped, stored_bytes, "
          "job, created, made_by, retired) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
          "ON CONFLICT (name, version) DO UPDATE SET "
          "contract_json=excluded.contract_json, volumes=excluded.volumes, "
          "training_volumes=excluded.training_volumes, held_out_volumes=excluded.held_out_volumes, "
          "subjects=excluded.subjects, held_out_subjects=excluded.held_out_subjects, "
          "quarantined=excluded.quarantined, duplicates=excluded.duplicates, skipped=excluded.skipped, "
          "stored_bytes=excluded.stored_bytes, job=excluded.job, created=excluded.created, "
          "made_by=excluded.made_by, retired=excluded.retired"));
  put.Bind(dataset.name).Bind(dataset.version).Bind(dataset.digest).Bind(dataset.contract_json).Bind(dataset.volumes);
  put.Bind(dataset.training_volumes)
      .Bind(dataset.held_out_volumes)
      .Bind(dataset.subjects)
      .Bind(dataset.held_out_subjects);
  put.Bind(dataset.quarantined).Bind(dataset.duplicates).Bind(dataset.skipped).Bind(dataset.stored_bytes);
  put.Bind(dataset.job.value).Bind(dataset.created);
  return put.Bind(dataset.made_by).Bind(dataset.retired).Run();
}

absl::Status Transaction::PutDatasetChange(const DatasetChangeRecord& change) {
  AMAES_ASSIGN_OR_RETURN(
      Statement put,
      connection_.Prepare("INSERT INTO dataset_changes (request_id, dataset, kind, state, plan_json, result_json, "
                          "created) VALUES (?,?,?,?,?,?,?) ON CONFLICT (request_id) DO UPDATE SET "
                          "state=excluded.state, plan_json=excluded.plan_json, result_json=excluded.result_json"));
  put.Bind(change.request_id).Bind(change.dataset).Bind(change.kind).Bind(DatasetChangeStateName(change.state));
  return put.Bind(change.plan_json).Bind(change.result_json).Bind(change.created).Run();
}

absl::Status Transaction::DropDatasetChange(const std::string& request_id) {
  AMAES_ASSIGN_OR_RETURN(const DatasetChangeRecord change, GetDatasetChange(request_id));
  if (change.state != DatasetChangeRecord::State::kPlanned) {
    return absl::FailedPreconditionError(absl::StrCat("the change of ", change.dataset, " is under way"));
  }
  AMAES_ASSIGN_OR_RETURN(Statement drop, connection_.Prepare("DELETE FROM dataset_changes WHERE request_id = ?"));
  AMAES_RETURN_IF_ERROR(drop.Bind(request_id).Run());
  AMAES_ASSIGN_OR_RETURN(Statement forget, connection_.Prepare("DELETE FROM requests WHERE id = ?"));
  return forget.Bind(request_id).Run();
}

absl::Status Transaction::PutRequest(const std::string& request_id, const RequestRecord& request) {
  const absl::StatusOr<RequestRecord> before = GetRequest(request_id);
  if (before.ok() && before->body_digest == request.body_digest && before->job == request.job) return absl::OkStatus();
  if (before.ok()) {
    const std::string what =
        before->job.value.empty() ? "changed a dataset" : absl::StrCat("made job ", before->job.value);
    return absl::AlreadyExistsError(
        absl::StrCat("request ", request_id, " ", what, " with another body; use a new request id"));
  }
  if (!absl::IsNotFound(before.status())) return before.status();
  AMAES_ASSIGN_OR_RETURN(Statement put,
                         connection_.Prepare("INSERT INTO requests (id, body_digest, job) VALUES (?,?,?)"));
  return put.Bind(request_id).Bind(request.body_digest).Bind(request.job.value).Run();
}

absl::Status Transaction::AppendEvent(const JobId& job, absl::Time time, const std::string& kind,
                                      const std::string& message) {
  AMAES_ASSIGN_OR_RETURN(Statement put,
                         connection_.Prepare("INSERT INTO events (job, time, kind, message) VALUES (?,?,?,?)"));
  return put.Bind(job.value).Bind(time).Bind(kind).Bind(message).Run();
}

}  // namespace amaes::store

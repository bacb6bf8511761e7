#include "services/coordinator/job_audit.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/rpc/errors.h"
#include "libs/spec/cases.h"

namespace amaes {
namespace {

std::int64_t StepOf(const std::string& checkpoint) {
  const absl::StatusOr<CheckpointId> id = ParseCheckpointName(checkpoint);
  return id.ok() ? id->step : 0;  // no parent: from scratch
}

// The checkpoints that `newest` goes back to, as far as retention left them.
void AddLineage(const FoundCheckpoint& newest, AuditPlan& plan) {
  CheckpointManifest manifest = newest.manifest;
  std::set<std::string> seen;
  while (true) {
    plan.began_at.emplace(manifest.attempt, StepOf(manifest.parent));
    if (manifest.parent.empty() || !seen.insert(manifest.parent).second) return;
    absl::StatusOr<CheckpointManifest> parent = ReadManifest(newest.folder.parent_path() / manifest.parent);
    if (!parent.ok()) return;
    plan.before.push_back({manifest.parent, parent->step, parent->ledger});
    manifest = *std::move(parent);
  }
}

// A checkpoint that was trained on something else proves nothing about this job.
void CompareWithSpec(const CheckpointManifest& manifest, const TrainingSpec& spec, AuditReport& report) {
  const auto compare = [&](const char* what, const std::string& there, const std::string& here) {
    if (there == here) return;
    ++report.finding_count;
    report.findings.push_back(
        {absl::StrCat("the checkpoint was trained with ", what, " '", there, "', the job has '", here, "'")});
  };
  compare("dataset digest", manifest.dataset_digest, spec.dataset.digest);
  compare("selection", manifest.dataset_selection, spec.dataset.selection);
  compare("position", absl::StrCat(manifest.position), absl::StrCat(manifest.step * spec.global_batch));
}

}  // namespace

absl::Status CheckTrainingJob(const JobView& view) {
  if (view.spec.trains()) return absl::OkStatus();
  return ErrorWithReason(
      absl::StatusCode::kFailedPrecondition, "NOT_A_TRAINING_JOB",
      absl::StrCat(view.record.id.value, " is an ", JobKindName(view.spec.kind), " job: it reads no samples"),
      {{"job", view.record.id.value}});
}

namespace {

// Every training case once; `entries`: the first channel of each.
Selection SelectCases(const LabelledCases& cases, std::vector<std::int64_t>& entries) {
  Selection out;
  out.digest = cases.digest;
  entries.clear();
  for (const LabelledCase& one : cases.train) {
    out.volumes.push_back(static_cast<std::int64_t>(entries.size()));
    entries.push_back(one.channels[0].entry);
    out.ends.push_back(static_cast<std::int64_t>(entries.size()));
  }
  return out;
}

}  // namespace

absl::StatusOr<JobData> DataOf(Engine& engine, const JobView& view) {
  const TrainingSpec::Dataset& dataset = view.spec.training().dataset;
  JobData data;
  AMAES_ASSIGN_OR_RETURN(data.version, engine.catalogues().Get(engine.DatasetFolder(dataset.name, dataset.version)));
  absl::StatusOr<Selection> selection = ResolveSelection(*data.version, dataset.filter, dataset.repeats);
  data.entries = data.version->Indices(Split::kTrain);
  if (view.spec.kind == JobKind::kFinetune) {
    const absl::StatusOr<LabelledCases> cases = FindCases(*data.version, CaseOptionsOf(view.spec.finetune));
    if (cases.ok()) {
      selection = SelectCases(*cases, data.entries);
    } else {
      selection = cases.status();
    }
  }
  if (selection.ok() && selection->digest == dataset.selection) {
    data.selection = *std::move(selection);
    return data;
  }
  return ErrorWithReason(absl::StatusCode::kDataLoss, "SELECTION_CHANGED",
                         absl::StrCat("filter and repeats of ", view.record.id.value, " do not give the list of ",
                                      dataset.name, "@", dataset.version, " that they gave at submit",
                                      selection.ok() ? "" : ": ", selection.status().message()),
                         {{"job", view.record.id.value}});
}

absl::StatusOr<AuditReport> AuditJobOf(Engine& engine, const JobView& view) {
  AMAES_RETURN_IF_ERROR(CheckTrainingJob(view));
  AMAES_ASSIGN_OR_RETURN(JobData data, DataOf(engine, view));
  const std::filesystem::path folder = engine.JobFolder(view.record.id);
  const CheckpointSearch search = FindCheckpoints(folder / "checkpoints", /*first_only=*/true);
  if (search.verified.empty()) {
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_AUDIT",
                           absl::StrCat(view.record.id.value, " has no checkpoint that verifies (",
                                        search.rejected.size(), " are damaged): there is nothing to prove yet"),
                           {{"job", view.record.id.value}});
  }
  const FoundCheckpoint& newest = search.verified.front();
  const TrainingSpec& spec = view.spec.training();
  AuditPlan plan{.seed = spec.seed,
                 .global_batch = spec.global_batch,
                 .group = view.spec.group(),
                 .steps = spec.schedule.steps,
                 .may_skip = spec.loader.on_damage == "skip",
                 .dataset_digest = spec.dataset.digest,
                 .selection = std::move(data.selection),
                 .newest = {newest.folder.filename().string(), newest.manifest.step, newest.manifest.ledger},
                 .before = {},
                 .began_at = {},
                 .world_size = {}};
  AddLineage(newest, plan);
  AMAES_ASSIGN_OR_RETURN(const std::vector<AttemptRecord> attempts, engine.store().ListAttempts(view.record.id));
  for (const AttemptRecord& attempt : attempts) {
    plan.world_size[attempt.number] = static_cast<std::int64_t>(attempt.ranks.size());
  }
  const std::unique_ptr<LedgerSource> ledgers = FolderLedgers(folder / "ledger");
  AMAES_ASSIGN_OR_RETURN(AuditReport report, Audit(plan, *ledgers));
  CompareWithSpec(newest.manifest, spec, report);
  for (const RejectedCheckpoint& rejected : search.rejected) {
    report.notes.push_back(absl::StrCat("checkpoint ", rejected.name, " is damaged: ", rejected.reason));
  }
  return report;
}

v1::AuditReport ToProto(const AuditReport& report) {
  v1::AuditReport out;
  out.set_proved(report.proved());
  out.set_checkpoint(report.checkpoint);
  out.set_step(report.step);
  out.set_total_steps(report.steps);
  out.set_samples(report.samples);
  out.set_skipped(report.skipped);
  out.set_read_again(report.read_again);
  out.set_not_in_checkpoint(report.not_in_checkpoint);
  out.set_volumes(report.volumes);
  out.set_pass_length(report.pass_length);
  out.set_whole_passes(report.whole_passes);
  for (const AuditReport::Attempt& attempt : report.attempts) {
    v1::AuditReport::Attempt* added = out.add_attempts();
    added->set_attempt(attempt.number);
    added->set_world_size(attempt.world_size);
    added->set_first_step(attempt.first_step);
    added->set_steps(attempt.steps);
    added->set_read_again(attempt.read_again);
  }
  for (const AuditReport::Skip& skip : report.skips) {
    v1::AuditReport::Skip* added = out.add_skips();
    added->set_position(skip.position);
    added->set_volume(skip.volume);
    added->set_attempt(skip.attempt);
    added->set_rank(skip.rank);
  }
  for (const AuditFinding& finding : report.findings) {
    v1::AuditReport::Finding* added = out.add_findings();
    added->set_what(finding.what);
    added->set_position(finding.position);
    added->set_attempt(finding.attempt);
    added->set_rank(finding.rank);
  }
  out.set_finding_count(report.finding_count);
  for (const std::string& note : report.notes) out.add_notes(note);
  return out;
}

}  // namespace amaes

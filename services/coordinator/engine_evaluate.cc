// An evaluation as a user asks for it: everything that can be wrong is found before a slot is taken.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/choose.h"
#include "libs/metrics/evaluation_plan.h"
#include "services/coordinator/checkpoint_reference.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/invalid_spec.h"

namespace amaes {
namespace {

bool Names(const std::string& after, const std::string& job) {
  const std::vector<std::string> ids = absl::StrSplit(after, ',');
  return std::find(ids.begin(), ids.end(), job) != ids.end();
}

// A checkpoint that will be there when the job is placed, for it waits for the job that writes it: with what its spec tells.
absl::StatusOr<CheckpointManifest> Promised(StoreReader& store, const JobRecord& writer) {
  CheckpointManifest out;
  out.job = writer.id.value;
  out.spec_json = writer.spec_json;
  const std::pair<std::string, std::string> dataset = absl::StrSplit(writer.dataset, absl::MaxSplits('@', 1));
  std::int64_t version = 0;
  if (!absl::SimpleAtoi(dataset.second, &version)) {
    return absl::InvalidArgumentError(absl::StrCat("job ", writer.name, " writes no checkpoints"));
  }
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(store, dataset.first, version));
  out.contract_json = record.contract_json;
  out.dataset_digest = record.digest;
  return out;
}

}  // namespace

absl::StatusOr<Engine::Resolved> Engine::ResolveEvaluation(JobSpec spec) {
  EvaluateSpec& job = spec.evaluate;
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, amaes::FindDataset(store_, job.dataset.name, job.dataset.version));
  AMAES_RETURN_IF_ERROR(CheckNotRetired(record));
  const auto refuse = [](const absl::Status& status) {
    return InvalidSpec({{"checkpoint.from", std::string(status.message())}});
  };
  CheckpointManifest manifest;
  std::string words;
  bool waits = false;
  if (absl::StartsWith(job.checkpoint.from, "job:")) {
    const absl::StatusOr<JobReference> reference = ParseJobReference(job.checkpoint.from);
    if (!reference.ok()) return refuse(reference.status());
    const absl::StatusOr<JobRecord> writer = FindReferencedJob(store_, reference->job);
    if (!writer.ok()) return refuse(writer.status());
    waits = Names(spec.after, writer->id.value) && !IsTerminal(writer->state);
    if (waits) {
      absl::StatusOr<CheckpointManifest> promised = Promised(store_, *writer);
      if (!promised.ok()) return refuse(promised.status());
      manifest = *std::move(promised);
      job.checkpoint.from = absl::StrCat("job:", writer->id.value, "@", reference->which);
      words = absl::StrCat("the checkpoint that ", writer->name, " will have (", reference->which, ")");
    }
  }
  if (!waits) {
    absl::StatusOr<ReferencedCheckpoint> found = FindReferencedCheckpoint(store_, options_.home, job.checkpoint.from);
    if (!found.ok()) return refuse(found.status());
    job.checkpoint.path = found->folder.string();
    job.checkpoint.sha256 = found->manifest_sha256;
    manifest = std::move(found->manifest);
    words = absl::StrCat("checkpoint ", CheckpointName(manifest.step, manifest.attempt), " of ", manifest.job);
  }
  AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                         catalogues_.Get(DatasetFolder(record.name, record.version)));
  EvaluationPlan plan;
  const std::vector<SpecProblem> problems = PlanEvaluation(job, manifest, *version, plan);
  if (!problems.empty()) return InvalidSpec(problems);
  job.dataset.version = record.version;
  job.dataset.digest = record.digest;
  job.window.patch = plan.patch;
  std::string notes = absl::StrCat(plan.cases.size(), plan.cases.size() == 1 ? " case" : " cases", " of split ",
                                   job.dataset.split, "; ", words);
  for (const std::string& note : plan.notes) absl::StrAppend(&notes, "; ", note);
  return Resolved{std::move(spec), absl::StrCat(record.name, "@", record.version), std::move(notes)};
}

}  // namespace amaes

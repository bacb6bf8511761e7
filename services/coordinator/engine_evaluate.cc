// An evaluation as a user asks for it: everything that can be wrong is found before a slot is taken.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/init_source.h"
#include "libs/checkpoint/weights_file.h"
#include "libs/metrics/evaluation_plan.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/invalid_spec.h"

namespace amaes {
namespace {

bool Names(const std::string& after, const std::string& job) {
  const std::vector<std::string> ids = absl::StrSplit(after, ',');
  return std::find(ids.begin(), ids.end(), job) != ids.end();
}

// A checkpoint that will be there when the evaluation is placed, for it waits for the job that writes it: with what that
// job's spec tells.
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

// The manifest of what checkpoint.from names; fills checkpoint.path and sha256, unless the checkpoint is yet to be written.
absl::StatusOr<CheckpointManifest> Engine::FindModel(const JobSpec& spec, EvaluateSpec::Checkpoint& checkpoint) {
  std::filesystem::path folder;
  if (absl::StartsWith(checkpoint.from, "job:")) {
    AMAES_ASSIGN_OR_RETURN(const JobSource source, ParseJobSource(checkpoint.from));
    const absl::StatusOr<JobView> job = GetJob(source.job);
    if (absl::IsNotFound(job.status())) return absl::NotFoundError(absl::StrCat("there is no job '", source.job, "'"));
    if (!job.ok()) return job.status();
    const JobRecord& writer = job->record;
    checkpoint.from = absl::StrCat("job:", writer.id.value, "@", source.which);
    if (!IsTerminal(writer.state) && (source.which == "last" || source.which == "best")) {
      if (Names(spec.after, writer.id.value)) return Promised(store_, writer);
      return absl::FailedPreconditionError(absl::StrCat("job ", writer.name,
                                                        " is not over: wait for it with after: ", writer.name,
                                                        ", or name a step that it has a checkpoint of (@STEP)"));
    }
    AMAES_ASSIGN_OR_RETURN(const FoundCheckpoint found,
                           ChooseCheckpoint(JobFolder(writer.id) / "checkpoints", source.which));
    folder = found.folder;
  } else {
    folder = std::filesystem::path(checkpoint.from).lexically_normal();
  }
  absl::StatusOr<CheckpointManifest> manifest = ReadManifest(folder);
  if (!manifest.ok()) return Annotate(manifest.status(), folder.string());
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(folder / "manifest.json"));
  checkpoint.path = folder.string();
  checkpoint.sha256 = Sha256Hex(text);
  return manifest;
}

absl::StatusOr<Engine::Resolved> Engine::ResolveEvaluation(JobSpec spec) {
  EvaluateSpec& job = spec.evaluate;
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, amaes::FindDataset(store_, job.dataset.name, job.dataset.version));
  AMAES_RETURN_IF_ERROR(CheckNotRetired(record));
  const absl::StatusOr<CheckpointManifest> manifest = FindModel(spec, job.checkpoint);
  if (!manifest.ok()) return InvalidSpec({{"checkpoint.from", std::string(manifest.status().message())}});
  AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                         catalogues_.Get(DatasetFolder(record.name, record.version)));
  EvaluationPlan plan;
  const std::vector<SpecProblem> problems = PlanEvaluation(job, *manifest, *version, plan);
  if (!problems.empty()) return InvalidSpec(problems);
  if (const NetworkOptions& network = plan.model.network; network.name == kScriptNetwork) {
    AMAES_ASSIGN_OR_RETURN(const CheckedScript script, TryScript(network, plan.patch, "checkpoint.from"));
    if (script.sha256 != plan.model.script_digest) {
      return InvalidSpec({{"checkpoint.from", absl::StrCat("network.script ", network.script,
                                                           " is not the file that the network was trained with: put "
                                                           "that one back")}});
    }
  }
  job.dataset.version = record.version;
  job.dataset.digest = record.digest;
  job.window.patch = plan.patch;
  std::string notes = absl::StrCat(
      plan.cases.size(), plan.cases.size() == 1 ? " case" : " cases", " of split ", job.dataset.split, "; ",
      job.checkpoint.path.empty()
          ? absl::StrCat("the checkpoint that ", manifest->job, " will have")
          : absl::StrCat("checkpoint ", CheckpointName(manifest->step, manifest->attempt), " of ", manifest->job),
      ", weights: ", WeightsText(plan.weights));
  for (const std::string& note : plan.notes) absl::StrAppend(&notes, "; ", note);
  return Resolved{std::move(spec), absl::StrCat(record.name, "@", record.version), std::move(notes)};
}

}  // namespace amaes

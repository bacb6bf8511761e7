#include "libs/train/resume.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/draws/draws.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

constexpr char kKey[] = "resume";
constexpr char kFromScratch[] = "none";

template <typename T>
absl::Status Differs(const char* field, const T& checkpoint, const T& now) {
  return absl::FailedPreconditionError(absl::StrCat("cannot resume: the checkpoint was trained with ", field, " ",
                                                    checkpoint, ", this job has ", now, "; submit a new job instead"));
}

}  // namespace

absl::StatusOr<std::optional<FoundCheckpoint>> AgreeOnResume(const std::filesystem::path& checkpoints,
                                                             AttemptNumber attempt, int rank, RendezvousStore& store,
                                                             const std::function<void(WorkerReport)>& report,
                                                             absl::Duration timeout) {
  if (rank == 0) {
    RemoveLeftovers(checkpoints, attempt);
    CheckpointSearch search = FindCheckpoints(checkpoints, /*first_only=*/true);
    for (RejectedCheckpoint& rejected : search.rejected) {
      LogWarning("train", "checkpoint rejected", {{"name", rejected.name}, {"reason", rejected.reason}});
      report(CheckpointRejected{std::move(rejected.name), std::move(rejected.reason)});
    }
    const bool found = !search.verified.empty();
    AMAES_RETURN_IF_ERROR(store.Set(kKey, found ? search.verified.front().folder.filename().string() : kFromScratch));
    if (!found) return std::nullopt;
    return std::move(search.verified.front());
  }
  AMAES_ASSIGN_OR_RETURN(const std::string name, store.Wait(kKey, timeout));
  if (name == kFromScratch) return std::nullopt;
  AMAES_ASSIGN_OR_RETURN(CheckpointManifest manifest, ReadManifest(checkpoints / name));
  return FoundCheckpoint{checkpoints / name, std::move(manifest)};
}

absl::Status CheckResumable(const CheckpointManifest& manifest, const TrainingSpec& spec,
                            const std::string& dataset_digest) {
  const JobSpec job = ParseSpec(manifest.spec_json).spec;
  const TrainingSpec& before = job.training();
  if (manifest.sampling_version != kSamplingVersion) {
    return Differs("sampling_version", manifest.sampling_version, kSamplingVersion);
  }
  if (manifest.dataset_digest != dataset_digest) {
    return Differs("dataset.digest", manifest.dataset_digest, dataset_digest);
  }
  if (manifest.dataset_selection != spec.dataset.selection) {
    return Differs("dataset.selection", manifest.dataset_selection, spec.dataset.selection);
  }
  if (before.global_batch != spec.global_batch) return Differs("global_batch", before.global_batch, spec.global_batch);
  if (before.ema.decay != spec.ema.decay) return Differs("ema.decay", before.ema.decay, spec.ema.decay);
  if (before.seed != spec.seed) return Differs("seed", before.seed, spec.seed);
  if (manifest.position != manifest.step * spec.global_batch) {
    return absl::FailedPreconditionError(absl::StrCat("cannot resume: the checkpoint's position ", manifest.position,
                                                      " is not its step ", manifest.step, " times global_batch ",
                                                      spec.global_batch));
  }
  return absl::OkStatus();
}

}  // namespace amaes

#include "services/worker/finetune.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/init_source.h"
#include "libs/checkpoint/weights_file.h"
#include "libs/dataset/volume_store.h"
#include "libs/spec/augment_choice.h"
#include "libs/spec/cases.h"
#include "libs/train/failure.h"

namespace amaes {
namespace {

absl::Status BadSpec(const absl::Status& status) { return WithReason(status, "BAD_SPEC", /*retryable=*/false); }

// Counts what the catalogue does not know.
absl::Status CheckValues(const WorkerStart& start, const DatasetVersion& version, const LabelledCases& cases,
                         const LabelSet& labels) {
  std::int64_t number = 0;
  for (const auto* list : {&cases.train, &cases.validation}) {
    for (const LabelledCase& one : *list) {
      const Companion& label = LabelOf(version, one);
      if (!label.values.empty() || number++ % start.world_size != start.rank) continue;
      CatalogueEntry entry;
      entry.volume = label.volume;
      entry.chunk_checksums = label.chunk_checksums;
      const absl::StatusOr<std::vector<LabelValue>> values = CountValues(start.volumes_folder, entry);
      AMAES_RETURN_IF_ERROR(DataFailure(values.status()));
      if (const std::string wrong = UndeclaredValues(labels, *values); !wrong.empty()) {
        return BadSpec(absl::FailedPreconditionError(absl::StrCat(
            "label values outside the declared classes ", labels.ClassesText(), ": case ", one.key, " has ", wrong)));
      }
    }
  }
  return absl::OkStatus();
}

// Where initial weights come from, for people.
std::string Named(const std::string& from, const std::filesystem::path& file) {
  return file.filename() == kAverageFile && file != from ? absl::StrCat(from, " (moving average)") : from;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FinetuneData>> FinetuneData::Open(const WorkerStart& start, const JobSpec& job,
                                                                 const DatasetVersion& version,
                                                                 const std::optional<std::string>& digest,
                                                                 Clock& clock) {
  const FinetuneSpec& spec = job.finetune;
  auto data = std::make_unique<FinetuneData>();
  absl::StatusOr<LabelledCases> cases = FindCases(version, CaseOptionsOf(spec));
  AMAES_RETURN_IF_ERROR(BadSpec(cases.status()));
  if (digest && cases->digest != *digest) {
    return BadSpec(absl::FailedPreconditionError(absl::StrCat(
        "the spec names the cases '", *digest, "', the dataset has '", cases->digest, "': submit the job again")));
  }
  data->cases_ = *std::move(cases);
  absl::StatusOr<LabelSet> labels = ParseLabels(spec.labels.classes, spec.labels.regions, spec.labels.background);
  AMAES_RETURN_IF_ERROR(BadSpec(labels.status()));
  data->labels_ = *std::move(labels);
  AMAES_RETURN_IF_ERROR(CheckValues(start, version, data->cases_, data->labels_));
  auto reader = std::make_shared<CaseReader>(version, data->labels_,
                                             CaseReaderOptions{.volumes = start.volumes_folder,
                                                               .cache_bytes = spec.loader.cache_mib << 20,
                                                               .skip_damaged = spec.loader.on_damage == "skip"});
  data->source_ = std::make_unique<CaseDataSource>(
      data->cases_, std::move(reader),
      CaseSourceOptions{.seed = spec.seed,
                        .patch = spec.patch,
                        .foreground = spec.sampling.foreground,
                        .augmentation = AugmentationOf(job),
                        .global_batch = spec.global_batch,
                        .lanes = {start.first_lane, start.last_lane}},
      LoaderThreads{static_cast<int>(spec.loader.threads), spec.loader.prefetch}, clock);
  return data;
}

absl::StatusOr<std::optional<InitialWeights>> InitialWeightsOf(const JobSpec& spec) {
  if (spec.kind != JobKind::kFinetune) return std::nullopt;
  const FinetuneSpec::Init& init = spec.finetune.init;
  if (init.scratch || init.from.empty()) return std::nullopt;
  InitialWeights weights{.from = init.from,
                         .path = init.path,
                         .sha256 = init.sha256,
                         .load_decoder = init.load_decoder,
                         .allow_mismatch = init.allow_mismatch};
  std::error_code error;
  if (!std::filesystem::is_directory(weights.path, error)) {
    weights.from = Named(init.from, weights.path);
    return weights;
  }
  // A job that was not over at submit, and is by now.
  const auto choose = [&]() -> absl::StatusOr<InitFile> {
    AMAES_ASSIGN_OR_RETURN(const JobSource source, ParseJobSource(init.from));
    AMAES_ASSIGN_OR_RETURN(const FoundCheckpoint chosen, ChooseCheckpoint(weights.path, source.which));
    weights.from = absl::StrCat("job:", source.job, "@", chosen.manifest.step);
    return InitFileOf(chosen, init.weights);
  };
  const absl::StatusOr<InitFile> file = choose();
  if (!file.ok()) {
    return WithReason(Annotate(file.status(), absl::StrCat("init.from ", init.from)), "INIT_REFUSED",
                      /*retryable=*/false);
  }
  weights.from = Named(weights.from, file->path);
  weights.path = file->path;
  weights.sha256 = file->sha256;
  return weights;
}

}  // namespace amaes

#include "services/worker/probe_data.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/spec/probe.h"
#include "libs/train/failure.h"
#include "libs/train/make_objective.h"

namespace amaes {
namespace {

absl::StatusOr<DatasetVersion> ReadProbeVersion(const WorkerStart& start, const std::string& digest) {
  absl::StatusOr<DatasetVersion> version = ReadVersion(start.probe_dataset_folder);
  if (!version.ok()) return WithReason(version.status(), "DATASET_UNREADABLE", !absl::IsDataLoss(version.status()));
  if (version->digest == digest) return version;
  return WithReason(absl::FailedPreconditionError(
                        absl::StrCat("the spec names dataset digest ", digest, ", the folder holds ", version->digest)),
                    "BAD_SPEC", /*retryable=*/false);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProbeData>> ProbeData::Open(const WorkerStart& start, const JobSpec& pretraining,
                                                           std::int64_t pass_length, c10::Device device, Clock& clock) {
  if (!HasProbe(pretraining)) return nullptr;
  const PretrainSpec& spec = pretraining.pretrain;
  const JobSpec job = ProbeJob(spec);
  const LaneRange lanes = LanesOf(start.rank, start.world_size, job.finetune.global_batch);
  WorkerStart own = start;
  own.first_lane = lanes.first;
  own.last_lane = lanes.last;
  auto data = std::make_unique<ProbeData>();
  const auto open = [&]() -> absl::Status {
    AMAES_ASSIGN_OR_RETURN(data->version_, ReadProbeVersion(start, spec.probe.digest));
    AMAES_ASSIGN_OR_RETURN(data->cases_, FinetuneData::Open(own, job, data->version_, std::nullopt, clock));
    absl::StatusOr<std::unique_ptr<Objective>> objective = MakeObjective(job, device);
    if (!objective.ok()) return WithReason(objective.status(), "BAD_SPEC", /*retryable=*/false);
    data->objective_ = *std::move(objective);
    return absl::OkStatus();
  };
  AMAES_RETURN_IF_ERROR(Annotate(open(), absl::StrCat("probe of ", spec.probe.dataset)));
  data->parts_ = std::make_unique<ProbeParts>(
      ProbeParts{.job = job,
                 .lanes = lanes,
                 .every_steps = StepsOfPasses(spec.probe.every_passes, pass_length, spec.global_batch),
                 .data = data->cases_->source(),
                 .objective = *data->objective_});
  return data;
}

}  // namespace amaes

#include "libs/train/probe.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/fault.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/spec/probe.h"
#include "libs/train/failure.h"
#include "libs/train/initial_weights.h"
#include "libs/train/lr_schedule.h"
#include "libs/train/train_step.h"
#include "libs/train/trainee.h"
#include "libs/train/validation.h"

namespace amaes {
namespace {

// False: given up.
absl::StatusOr<bool> Finetune(const TrainOptions& options, const TrainEnvironment& environment, const ProbeParts& probe,
                              const Trainee& trainee, std::int64_t step, const ProbeHooks& hooks) {
  const TrainingSpec& spec = options.spec.training();
  absl::StatusOr<std::unique_ptr<Loader>> loader = environment.data.OpenLoader(0, nullptr);
  AMAES_RETURN_IF_ERROR(DataFailure(loader.status()));
  const LrSchedule schedule = ScheduleOf(options.spec);
  TrainStep train_step(environment.objective, *trainee.network, *trainee.buckets, *trainee.optimizer,
                       environment.communicator,
                       {.global_batch = spec.global_batch,
                        .micro_batch = spec.micro_batch,
                        .lanes = probe.lanes.size(),
                        .clip_norm = spec.optimizer.clip_norm,
                        .device = options.device});
  std::int64_t left_out = 0, skipped = 0;
  for (std::int64_t update = 1; update <= spec.schedule.steps; ++update) {
    AMAES_RETURN_IF_ERROR(train_step.ComputeGradients(
        update, [&] { return (*loader)->Next(); }, hooks.flags()));
    AMAES_ASSIGN_OR_RETURN(const StepReport report, train_step.Update(update, LearningRateAt(schedule, update - 1)));
    FaultPoint("probe", {.step = step, .rank = environment.communicator.rank(), .attempt = options.attempt});
    AMAES_RETURN_IF_ERROR(hooks.after_step(report));
    if (report.stop_requests > 0) return false;
    left_out += report.left_out ? 1 : 0;
    skipped += report.skipped;
  }
  if (left_out + skipped > 0 && environment.communicator.rank() == 0) {
    LogWarning("train", "probe left something out", {{"step", step}, {"updates", left_out}, {"samples", skipped}});
  }
  return true;
}

absl::StatusOr<std::optional<ValidationResult>> Run(const TrainOptions& options, const TrainEnvironment& environment,
                                                    const ProbeParts& probe, const Network& pretrained,
                                                    std::int64_t step, const ProbeHooks& hooks) {
  const FaultAddress address{.step = -1, .rank = environment.communicator.rank(), .attempt = options.attempt};
  AMAES_ASSIGN_OR_RETURN(const Trainee trainee,
                         MakeTrainee(options.spec, options.device, environment.communicator, address));
  AMAES_RETURN_IF_ERROR(TakeEncoder(pretrained, *trainee.network));
  AMAES_ASSIGN_OR_RETURN(const bool complete, Finetune(options, environment, probe, trainee, step, hooks));
  if (!complete) return std::nullopt;
  AMAES_ASSIGN_OR_RETURN(
      Validation validation,
      Validation::Create(options, environment, options.spec.training().micro_batch, {{Split::kHeldOut, kProbeSplit}}));
  AMAES_ASSIGN_OR_RETURN(const std::vector<ValidationResult> results, validation.Run(*trainee.network, step));
  if (results.empty()) {
    return DataFailure(absl::DataLossError(
        "no crop of a validation case can be read: see what `amaes dataset verify` finds in this dataset"));
  }
  return results.front();
}

}  // namespace

absl::StatusOr<std::optional<ValidationResult>> RunProbe(const TrainOptions& options,
                                                         const TrainEnvironment& environment, const ProbeParts& probe,
                                                         const Network& pretrained, std::int64_t step,
                                                         const ProbeHooks& hooks) {
  TrainOptions own = options;
  own.spec = probe.job;
  own.lanes = probe.lanes;
  const TrainEnvironment own_environment{.data = probe.data,
                                         .objective = probe.objective,
                                         .communicator = environment.communicator,
                                         .store = environment.store,
                                         .clock = environment.clock,
                                         .report = environment.report,
                                         .stop_requested = environment.stop_requested};
  absl::StatusOr<std::optional<ValidationResult>> result = Run(own, own_environment, probe, pretrained, step, hooks);
  if (result.ok()) return result;
  return Annotate(result.status(), absl::StrCat("probe of ", probe.job.finetune.dataset.name));
}

}  // namespace amaes

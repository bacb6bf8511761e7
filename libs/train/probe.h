// The few-shot probe: how well the encoder that is being pretrained segments after a short finetuning.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "libs/models/network.h"
#include "libs/train/train_options.h"
#include "libs/train/train_step.h"

namespace amaes {

// What goes on during a probe: what this rank tells the others with each of its steps, and what it does once it heard them.
struct ProbeHooks {
  absl::FunctionRef<StepFlags()> flags;
  absl::FunctionRef<absl::Status(const StepReport&)> after_step;
};

// All ranks; `options` and `environment` are the pretraining's. Trains a new network, its encoder copied from `pretrained`, on the
// labelled cases; then measures it on fixed crops of the validation cases. The draws are the same each time and at every
// world size. Nothing of the pretraining changes, and nothing of the probe stays in memory.
//   - nullopt: a stop was asked for on some rank, and all gave the probe up.
//   - errors with their reason (failure.h); INIT_REFUSED: the encoder does not fit; DATA_DAMAGED: no crop can be read.
absl::StatusOr<std::optional<ValidationResult>> RunProbe(const TrainOptions& options,
                                                         const TrainEnvironment& environment, const ProbeParts& probe,
                                                         const Network& pretrained, std::int64_t step,
                                                         const ProbeHooks& hooks);

}  // namespace amaes

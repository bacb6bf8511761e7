// Validation on fixed crops with fixed masks, shared among the ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/models/network.h"
#include "libs/train/train_options.h"

namespace amaes {

// Not thread-safe. Errors carry their reason (failure.h).
class Validation {
 public:
  // Both must outlive the result. Loads this rank's crops: crop i belongs to rank i mod W. None when validation.every_steps is 0.
  static absl::StatusOr<Validation> Create(const TrainOptions& options, const TrainEnvironment& environment);

  // All ranks. One result per split that has crops, "held_out" before "train"; the same on all ranks.
  absl::StatusOr<std::vector<ValidationResult>> Run(const Network& network, std::int64_t step);

 private:
  Validation(const TrainOptions& options, const TrainEnvironment& environment)
      : options_(&options), environment_(&environment) {}

  const TrainOptions* options_;
  const TrainEnvironment* environment_;
  std::vector<Sample> held_out_, train_;
};

}  // namespace amaes

// Validation on fixed crops with fixed masks, shared among the ranks.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/models/network.h"
#include "libs/train/train_options.h"

namespace amaes {

struct ValidationSplit {
  Split split = Split::kHeldOut;
  std::string name;  // of its results
};

// Not thread-safe. Errors carry their reason (failure.h).
class Validation {
 public:
  // Both must outlive the result. Loads this rank's crops: group g of the objective belongs to rank g mod W. None when validation.every_steps is 0.
  // `batch`: crops per forward pass.
  static absl::StatusOr<Validation> Create(const TrainOptions& options, const TrainEnvironment& environment,
                                           std::int64_t batch,
                                           const std::vector<ValidationSplit>& splits = {{Split::kHeldOut, "held_out"},
                                                                                         {Split::kTrain, "train"}});

  // All ranks. One result per split that has crops, in the order of the splits; the same on all ranks.
  absl::StatusOr<std::vector<ValidationResult>> Run(const Network& network, std::int64_t step);

  // On rank 0 the first crop of each split, for pictures; null where there is none.
  std::vector<std::pair<std::string, const Sample*>> FirstCrops() const;

 private:
  Validation(const TrainOptions& options, const TrainEnvironment& environment, std::int64_t batch)
      : options_(&options), environment_(&environment), batch_(batch) {}

  const TrainOptions* options_;
  const TrainEnvironment* environment_;
  std::int64_t batch_;
  std::vector<std::pair<std::string, std::vector<Sample>>> crops_;  // by the split's name
};

}  // namespace amaes

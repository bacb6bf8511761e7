#include "libs/train/validation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/train/failure.h"
#include "libs/train/tensor_buffer.h"

namespace amaes {
namespace {

absl::StatusOr<std::vector<Sample>> OwnCrops(Split split, const TrainOptions& options,
                                             const TrainEnvironment& environment) {
  absl::StatusOr<std::vector<Sample>> all =
      environment.data.FixedCrops(split, options.spec.validation.crops, LoaderOptionsOf(options, 0));
  if (!all.ok()) return DataFailure(all.status());
  std::vector<Sample> own;
  for (std::size_t i = environment.communicator.rank(); i < all->size(); i += environment.communicator.world_size()) {
    own.push_back(std::move((*all)[i]));
  }
  return own;
}

}  // namespace

absl::StatusOr<Validation> Validation::Create(const TrainOptions& options, const TrainEnvironment& environment) {
  Validation validation(options, environment);
  if (options.spec.validation.every_steps == 0) return validation;
  AMAES_ASSIGN_OR_RETURN(validation.held_out_, OwnCrops(Split::kHeldOut, options, environment));
  AMAES_ASSIGN_OR_RETURN(validation.train_, OwnCrops(Split::kTrain, options, environment));
  return validation;
}

absl::StatusOr<std::vector<ValidationResult>> Validation::Run(const Network& network, std::int64_t step) {
  std::vector<ValidationResult> results;
  for (const auto& [split, crops] : {std::pair<std::string, const std::vector<Sample>*>{"held_out", &held_out_},
                                     std::pair<std::string, const std::vector<Sample>*>{"train", &train_}}) {
    const absl::StatusOr<ReconstructionSums> own = EvaluateCrops(network, *crops, EvaluationOptionsOf(*options_));
    AMAES_RETURN_IF_ERROR(TensorFailure(own.status()));
    std::vector<double> words(own->values.begin(), own->values.end());
    AMAES_RETURN_IF_ERROR(CollectiveFailure(AllReduceSum(words, environment_->communicator, options_->device)));
    ReconstructionSums sums;
    std::copy(words.begin(), words.end(), sums.values.begin());
    if (sums.samples() == 0) continue;
    results.push_back({.step = step, .split = split, .loss_masked = sums.MaskedLoss(),
                       .loss_visible = sums.VisibleLoss(), .masked_r2 = sums.MaskedR2(),
                       .loss_visible_mean = sums.MeanFillLoss()});
  }
  return results;
}

}  // namespace amaes

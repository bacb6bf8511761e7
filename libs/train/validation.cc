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
      environment.data.FixedCrops(split, options.spec.training().validation.crops);
  if (!all.ok()) return DataFailure(all.status());
  const std::int64_t group = environment.objective.group(), world_size = environment.communicator.world_size();
  std::vector<Sample> own;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(all->size()); ++i) {
    if (i / group % world_size == environment.communicator.rank()) own.push_back(std::move((*all)[i]));
  }
  return own;
}

}  // namespace

absl::StatusOr<Validation> Validation::Create(const TrainOptions& options, const TrainEnvironment& environment,
                                              std::int64_t batch) {
  Validation validation(options, environment, batch);
  if (options.spec.training().validation.every_steps == 0) return validation;
  AMAES_ASSIGN_OR_RETURN(validation.held_out_, OwnCrops(Split::kHeldOut, options, environment));
  AMAES_ASSIGN_OR_RETURN(validation.train_, OwnCrops(Split::kTrain, options, environment));
  return validation;
}

absl::StatusOr<std::vector<ValidationResult>> Validation::Run(const Network& network, std::int64_t step) {
  std::vector<ValidationResult> results;
  for (const auto& [split, crops] : {std::pair<std::string, const std::vector<Sample>*>{"held_out", &held_out_},
                                     std::pair<std::string, const std::vector<Sample>*>{"train", &train_}}) {
    absl::StatusOr<std::vector<double>> sums = EvaluateCrops(environment_->objective, network, *crops, batch_);
    AMAES_RETURN_IF_ERROR(TensorFailure(sums.status()));
    AMAES_RETURN_IF_ERROR(CollectiveFailure(AllReduceSum(*sums, environment_->communicator, options_->device)));
    if ((*sums)[Objective::kSamples] == 0) continue;
    results.push_back({.step = step, .split = split, .metrics = environment_->objective.MetricsOf(*sums)});
  }
  return results;
}

std::vector<std::pair<std::string, const Sample*>> Validation::FirstCrops() const {
  const auto first = [](const std::vector<Sample>& crops) { return crops.empty() ? nullptr : &crops.front(); };
  return {{"held_out", first(held_out_)}, {"train", first(train_)}};
}

}  // namespace amaes

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
                                              std::int64_t batch, const std::vector<ValidationSplit>& splits) {
  Validation validation(options, environment, batch);
  if (options.spec.training().validation.every_steps == 0) return validation;
  for (const auto& [split, name] : splits) {
    AMAES_ASSIGN_OR_RETURN(std::vector<Sample> own, OwnCrops(split, options, environment));
    validation.crops_.emplace_back(name, std::move(own));
  }
  return validation;
}

absl::StatusOr<std::vector<ValidationResult>> Validation::Run(const Network& network, std::int64_t step) {
  std::vector<ValidationResult> results;
  for (const auto& [split, crops] : crops_) {
    absl::StatusOr<std::vector<double>> sums = EvaluateCrops(environment_->objective, network, crops, batch_);
    AMAES_RETURN_IF_ERROR(TensorFailure(sums.status()));
    AMAES_RETURN_IF_ERROR(CollectiveFailure(AllReduceSum(*sums, environment_->communicator, options_->device)));
    if ((*sums)[Objective::kSamples] == 0) continue;
    results.push_back({.step = step, .split = split, .metrics = environment_->objective.MetricsOf(*sums)});
  }
  return results;
}

std::vector<std::pair<std::string, const Sample*>> Validation::FirstCrops() const {
  std::vector<std::pair<std::string, const Sample*>> first;
  for (const auto& [split, crops] : crops_) first.emplace_back(split, crops.empty() ? nullptr : &crops.front());
  return first;
}

}  // namespace amaes

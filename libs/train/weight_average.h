// Exponential moving average of the weights (EMA).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "libs/models/network.h"
#include "libs/train/bucket_plan.h"

namespace amaes {

// Not thread-safe. Throws c10::Error.
class WeightAverage {
 public:
  // Begins with the parameters as they are. `plan` is the optimiser's.
  WeightAverage(const std::vector<NamedTensor>& parameters, const std::vector<BucketPlan>& plan, double decay);

  // After update `update` (from 1) of flat buffers laid out by the plan. Young averages forget faster: the decay is
  // min(decay, (1 + update) / (10 + update)). Where the float32 scalar `skip_if_one` is 1, nothing changes.
  void Update(const std::vector<at::Tensor>& parameters_flat, std::int64_t update, const at::Tensor& skip_if_one);

  // Begins again with these, in the network's order.
  void Restart(const std::vector<NamedTensor>& parameters);

  // Views into the flat buffers, in the network's order, named as the parameters.
  const std::vector<NamedTensor>& weights() const { return weights_; }

  // Makes `network`, built as `trained` is, hold the average from here on: its parameters are views, its buffers those of
  // `trained`.
  void Show(const Network& network, const Network& trained) const;

 private:
  const double decay_;
  std::vector<at::Tensor> flat_;
  std::vector<NamedTensor> weights_;
};

}  // namespace amaes

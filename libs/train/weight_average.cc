#include "libs/train/weight_average.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "libs/base/log.h"
#include "libs/train/flat_view.h"

namespace amaes {

WeightAverage::WeightAverage(const std::vector<NamedTensor>& parameters, const std::vector<BucketPlan>& plan,
                             double decay)
    : decay_(decay), weights_(parameters.size()) {
  const c10::AutoGradMode no_gradients(false);
  for (const BucketPlan& bucket : plan) {
    const auto options = parameters[bucket.slots.front().parameter].tensor.options().requires_grad(false);
    const at::Tensor flat = at::zeros({bucket.elements}, options);
    for (const BucketSlot& slot : bucket.slots) {
      const auto& [name, parameter] = parameters[slot.parameter];
      const at::Tensor view = FlatView(flat, slot, parameter);
      view.copy_(parameter);
      weights_[slot.parameter] = {name, view};
    }
    flat_.push_back(flat);
  }
}

void WeightAverage::Restart(const std::vector<NamedTensor>& parameters) {
  const c10::AutoGradMode no_gradients(false);
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i].tensor.copy_(parameters[i].tensor);
}

void WeightAverage::Update(const std::vector<at::Tensor>& parameters_flat, std::int64_t update,
                           const at::Tensor& skip_if_one) {
  const c10::AutoGradMode no_gradients(false);
  const double age = static_cast<double>(update);
  const double decay = std::min(decay_, (1 + age) / (10 + age));
  const at::Tensor weight = (1 - skip_if_one) * (1 - decay);
  for (std::size_t i = 0; i < flat_.size(); ++i) flat_[i].lerp_(parameters_flat[i], weight.to(flat_[i].scalar_type()));
}

void WeightAverage::Show(const Network& network, const Network& trained) const {
  AMAES_CHECK(network.parameters().size() == weights_.size() && network.buffers().size() == trained.buffers().size());
  for (std::size_t i = 0; i < weights_.size(); ++i) network.parameters()[i].tensor.set_data(weights_[i].tensor);
  for (std::size_t i = 0; i < trained.buffers().size(); ++i)
    network.buffers()[i].tensor.set_data(trained.buffers()[i].tensor);
}

}  // namespace amaes

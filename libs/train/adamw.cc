#include "libs/train/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "libs/train/flat_view.h"

namespace amaes {

AdamW::AdamW(const std::vector<NamedTensor>& parameters, const std::vector<BucketPlan>& plan,
             const AdamWOptions& options)
    : options_(options) {
  const c10::AutoGradMode no_gradients(false);
  first_moments_.resize(parameters.size());
  second_moments_.resize(parameters.size());
  for (const BucketPlan& bucket : plan) {
    const auto flat_options = parameters[bucket.slots.front().parameter].tensor.options().requires_grad(false);
    const at::Tensor flat = at::zeros({bucket.elements}, flat_options);
    const at::Tensor first = at::zeros_like(flat), second = at::zeros_like(flat);
    for (const BucketSlot& slot : bucket.slots) {
      const auto& [name, parameter] = parameters[slot.parameter];
      const at::Tensor view = FlatView(flat, slot, parameter);
      view.copy_(parameter);
      first_moments_[slot.parameter] = {name, FlatView(first, slot, parameter)};
      second_moments_[slot.parameter] = {name, FlatView(second, slot, parameter)};
      parameter.set_data(view);
    }
    parameters_flat_.push_back(flat);
    first_flat_.push_back(first);
    second_flat_.push_back(second);
    updates_.push_back(at::zeros({}, flat_options.dtype(at::kFloat)));
  }
}

void AdamW::Step(const std::vector<at::Tensor>& gradients, double learning_rate, std::int64_t update,
                 const at::Tensor& gradient_divisor, const at::Tensor& skip_if_one) {
  const c10::AutoGradMode no_gradients(false);
  for (const at::Tensor& number : updates_) number.fill_(static_cast<double>(update));
  at::_fused_adamw_(parameters_flat_, gradients, first_flat_, second_flat_, /*max_exp_avg_sqs=*/{}, updates_,
                    learning_rate, options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false, gradient_divisor, skip_if_one);
}

}  // namespace amaes

#include "libs/train/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "absl/strings/match.h"
#include "libs/train/flat_view.h"

namespace amaes {

AdamW::AdamW(const std::vector<NamedTensor>& parameters, const std::vector<BucketPlan>& plan,
             const AdamWOptions& options)
    : options_(options) {
  const c10::AutoGradMode no_gradients(false);
  first_moments_.resize(parameters.size());
  second_moments_.resize(parameters.size());
  for (std::size_t b = 0; b < plan.size() && options.late_updates > 0; ++b) {
    for (const BucketSlot& slot : plan[b].slots) {
      const bool late = absl::StartsWith(parameters[slot.parameter].name, options.late_prefix);
      (late ? late_ : prompt_).push_back({b, slot});
    }
  }
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
  if (options_.late_updates > 0) {
    StepPieces(prompt_, gradients, learning_rate, update, gradient_divisor, skip_if_one);
    if (update <= options_.late_updates) return;
    StepPieces(late_, gradients, learning_rate, update - options_.late_updates, gradient_divisor, skip_if_one);
    return;
  }
  for (const at::Tensor& number : updates_) number.fill_(static_cast<double>(update));
  at::_fused_adamw_(parameters_flat_, gradients, first_flat_, second_flat_, /*max_exp_avg_sqs=*/{}, updates_,
                    learning_rate, options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false, gradient_divisor, skip_if_one);
}

void AdamW::StepPieces(const std::vector<Piece>& pieces, const std::vector<at::Tensor>& gradients, double learning_rate,
                       std::int64_t update, const at::Tensor& gradient_divisor, const at::Tensor& skip_if_one) {
  std::vector<at::Tensor> parameters, own, firsts, seconds, numbers;
  const at::Tensor number = at::full({}, static_cast<double>(update), updates_.front().options());
  for (const Piece& piece : pieces) {
    const auto slice = [&](const std::vector<at::Tensor>& flat) {
      return flat[piece.bucket].narrow(0, piece.slot.offset, piece.slot.count);
    };
    parameters.push_back(slice(parameters_flat_));
    own.push_back(slice(gradients));
    firsts.push_back(slice(first_flat_));
    seconds.push_back(slice(second_flat_));
    numbers.push_back(number);
  }
  if (pieces.empty()) return;
  at::_fused_adamw_(parameters, own, firsts, seconds, /*max_exp_avg_sqs=*/{}, numbers, learning_rate, options_.beta1,
                    options_.beta2, options_.weight_decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false,
                    gradient_divisor, skip_if_one);
}

}  // namespace amaes

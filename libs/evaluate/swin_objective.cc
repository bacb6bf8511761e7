#include "libs/evaluate/swin_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <limits>
#include <vector>

#include "libs/base/log.h"
#include "libs/models/autocast.h"
#include "libs/models/swin_unetr.h"

namespace amaes {
namespace {

constexpr double kTemperature = 0.5;
constexpr double kShortest = 1e-12;  // a vector is not divided by less

// Losses are computed in float32 at least.
at::Tensor Wide(const at::Tensor& output) {
  return output.scalar_type() == at::kDouble ? output : output.to(at::kFloat);
}

// [2B]: −log of a view's similarity to the other view of its sample, among those to all other views of its group.
at::Tensor NtXent(const at::Tensor& vectors, const at::Tensor& groups) {
  const std::int64_t views = vectors.size(0), samples = views / 2;
  const at::Tensor unit = vectors / vectors.norm(2, {1}, /*keepdim=*/true).clamp_min(kShortest);
  const at::Tensor similarity = at::matmul(unit, unit.t()) / kTemperature;
  const at::Tensor group = at::cat({groups, groups});
  const at::Tensor others =
      group.unsqueeze(0).eq(group.unsqueeze(1)).logical_and(at::eye(views, group.options()).eq(0));
  const at::Tensor all =
      at::logsumexp(similarity.masked_fill(others.logical_not(), -std::numeric_limits<double>::infinity()), {1});
  const at::Tensor partner = (at::arange(views, group.options()) + samples).remainder(views);
  return all - similarity.gather(1, partner.unsqueeze(1)).squeeze(1);
}

at::Tensor GroupsOf(absl::Span<const Sample* const> samples, std::int64_t group, c10::Device device) {
  const at::Tensor host = at::empty({static_cast<std::int64_t>(samples.size())}, at::kLong);
  for (std::size_t i = 0; i < samples.size(); ++i)
    host.mutable_data_ptr<std::int64_t>()[i] = samples[i]->position / group;
  return host.to(device);
}

std::vector<float> ToVector(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* values = host.const_data_ptr<float>();
  return std::vector<float>(values, values + host.numel());
}

}  // namespace

SwinLosses ComputeSwinLosses(const SwinHeadOutputs& outputs, const SwinViews& views, const at::Tensor& groups) {
  SwinLosses losses;
  const at::Tensor logits = Wide(outputs.rotation);
  losses.rotation = at::cross_entropy_loss(logits, views.turns, /*weight=*/{}, at::Reduction::None);
  losses.correct = logits.detach().argmax(1).eq(views.turns).to(at::kDouble);
  losses.contrastive = NtXent(Wide(outputs.contrastive), groups);
  const at::Tensor error = (Wide(outputs.reconstruction) - views.target).abs();
  if (views.excluded.defined()) {
    const at::Tensor voxels = views.excluded.logical_not().sum({1, 2, 3, 4}).clamp_min(1);
    losses.reconstruction = error.masked_fill(views.excluded, 0.0).sum({1, 2, 3, 4}) / voxels;
  } else {
    losses.reconstruction = error.mean({1, 2, 3, 4});
  }
  return losses;
}

ObjectiveResult SwinObjective::Compute(const Network& network, absl::Span<const Sample* const> samples) const {
  const auto* heads = dynamic_cast<const SwinPretrainingNetwork*>(&network);
  AMAES_CHECK(heads != nullptr);
  SwinViews views = MakeSwinViews(samples, options_.views, options_.device);
  const c10::ScalarType type = network.parameters().front().tensor.scalar_type();
  views.input = views.input.to(type);
  views.target = views.target.to(type);
  SwinHeadOutputs outputs;
  {
    const AutocastScope autocast(options_.device.type(), options_.bf16);
    outputs = heads->ForwardHeads(views.input);
  }
  const SwinLosses losses = ComputeSwinLosses(outputs, views, GroupsOf(samples, group(), options_.device));
  ObjectiveResult result;
  result.loss = 0.5 * (losses.rotation + losses.contrastive + losses.reconstruction).sum();
  const c10::AutoGradMode no_gradients(false);
  const auto sum = [](const at::Tensor& values) { return 0.5 * values.detach().sum(at::kDouble); };
  const at::Tensor count = at::full({}, static_cast<double>(samples.size()), views.turns.options().dtype(at::kDouble));
  result.sums = at::stack({count, result.loss.detach().to(at::kDouble), sum(losses.rotation), sum(losses.correct),
                           sum(losses.contrastive), sum(losses.reconstruction)});
  return result;
}

MetricMap SwinObjective::MetricsOf(absl::Span<const double> sums) const {
  const auto mean = [&](int sum) { return sums[sum] / sums[kSamples]; };
  return {{"loss", mean(kLoss)},
          {"loss_rotation", mean(kRotation)},
          {"rotation_accuracy", mean(kCorrect)},
          {"loss_contrastive", mean(kContrastive)},
          {"loss_reconstruction", mean(kReconstruction)}};
}

std::optional<CropPicture> SwinObjective::Picture(const Network& network, const Sample& sample) const {
  if (sample.skipped) return std::nullopt;
  const c10::AutoGradMode no_gradients(false);
  const SwinViews views = MakeSwinViews({&sample}, options_.views, options_.device);
  const at::Tensor view = views.input.narrow(0, 0, 1), target = views.target.narrow(0, 0, 1);
  const AutocastScope autocast(options_.device.type(), options_.bf16);
  return CropPicture{.shape = sample.shape,
                     .input = ToVector(target),
                     .masked = ToVector(view),
                     .reconstruction = ToVector(network.Forward(view)),
                     .target = ToVector(target)};
}

}  // namespace amaes

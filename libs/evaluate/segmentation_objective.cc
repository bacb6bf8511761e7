#include "libs/evaluate/segmentation_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/evaluate/segmentation_loss.h"
#include "libs/models/autocast.h"

namespace amaes {
namespace {

struct Batch {
  at::Tensor input;  // [B, C, D, H, W] of the network's type
  at::Tensor codes;  // [B, D, H, W] uint8
};

Batch MakeBatch(const Network& network, absl::Span<const Sample* const> samples, c10::Device device) {
  const auto count = static_cast<std::int64_t>(samples.size());
  const Shape3& shape = samples[0]->shape;
  const std::int64_t channels = samples[0]->channels, voxels = VoxelCount(shape);
  // Copied on the host into one buffer each, then moved at once.
  at::Tensor input = at::empty({count, channels, shape[0], shape[1], shape[2]}, at::kFloat);
  at::Tensor codes = at::empty({count, shape[0], shape[1], shape[2]}, at::kByte);
  for (std::int64_t i = 0; i < count; ++i) {
    const Sample& sample = *samples[static_cast<std::size_t>(i)];
    AMAES_CHECK(static_cast<std::int64_t>(sample.input.size()) == channels * voxels);
    AMAES_CHECK(static_cast<std::int64_t>(sample.labels.size()) == voxels);
    std::copy(sample.input.begin(), sample.input.end(), input.mutable_data_ptr<float>() + i * channels * voxels);
    std::copy(sample.labels.begin(), sample.labels.end(), codes.mutable_data_ptr<std::uint8_t>() + i * voxels);
  }
  return {input.to(device, network.parameters().front().tensor.scalar_type()), codes.to(device)};
}

}  // namespace

ObjectiveResult SegmentationObjective::Compute(const Network& network, absl::Span<const Sample* const> samples) const {
  const Batch batch = MakeBatch(network, samples, options_.device);
  std::vector<at::Tensor> outputs;
  {
    const AutocastScope autocast(options_.device.type(), options_.bf16);
    outputs = network.ForwardDeep(batch.input);
  }
  const SegmentationLoss loss = ComputeSegmentationLoss(outputs, batch.codes, options_.regions);
  const at::Tensor count = at::full({1}, static_cast<double>(samples.size()), loss.sums.options());
  return {loss.loss, at::cat({count, loss.sums, loss.overlap.flatten()})};
}

MetricMap SegmentationObjective::MetricsOf(absl::Span<const double> sums) const {
  const double samples = sums[kSamples];
  MetricMap metrics = {
      {"loss", sums[kLoss] / samples}, {"loss_dice", sums[2] / samples}, {"loss_ce", sums[3] / samples}};
  double total = 0, there = 0;
  for (std::size_t i = 0; i < options_.classes.size(); ++i) {
    const double* overlap = &sums[kOverlap + 3 * i];
    const double dice = DiceOf(overlap[0], overlap[1], overlap[2]);
    metrics[absl::StrCat("dice_", options_.classes[i])] = dice;
    if (overlap[0] + overlap[1] + overlap[2] == 0) continue;  // neither there nor said to be
    total += dice;
    there += 1;
  }
  metrics["dice"] = there > 0 ? total / there : 1.0;
  return metrics;
}

}  // namespace amaes

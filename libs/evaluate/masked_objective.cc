#include "libs/evaluate/masked_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

#include "libs/models/autocast.h"

namespace amaes {
namespace {

constexpr std::array<std::int64_t, 4> kVoxelAxes{1, 2, 3, 4};

// [B, 1, D, H, W] → [B] float64
at::Tensor SumPerSample(const at::Tensor& values) { return values.sum(kVoxelAxes, /*keepdim=*/false, at::kDouble); }

// Bool, [B, 1, D, H, W]; without the excluded voxels.
struct Regions {
  at::Tensor masked, visible;
};

Regions RegionsOf(const MaskedBatch& batch) {
  Regions regions{batch.mask, batch.mask.logical_not()};
  if (batch.excluded.defined()) {
    const at::Tensor counted = batch.excluded.logical_not();
    regions.masked = regions.masked.logical_and(counted);
    regions.visible = regions.visible.logical_and(counted);
  }
  return regions;
}

at::Tensor SumWhere(const at::Tensor& region, const at::Tensor& values) {
  return SumPerSample(values.masked_fill(region.logical_not(), 0.0));
}

// Squared error of filling the masked voxels with the mean of the visible ones, per sample: [B] float64.
at::Tensor MeanFillError(const at::Tensor& target, const Regions& regions, const at::Tensor& visible_voxels) {
  const at::Tensor visible_sum = SumWhere(regions.visible, target);
  const at::Tensor mean = (visible_sum / visible_voxels.clamp_min(1)).to(target.scalar_type()).view({-1, 1, 1, 1, 1});
  return SumWhere(regions.masked, (target - mean).square_());
}

// Of a group: what its metrics need.
constexpr int kGroupSums = 3;

// [group_count * kGroupSums]
at::Tensor GroupSums(const at::Tensor& of_samples, const at::Tensor& groups, std::int64_t group_count) {
  const at::Tensor numbers = at::arange(group_count, groups.options());
  const at::Tensor belongs = groups.unsqueeze(1).eq(numbers).unsqueeze(2);  // [B, G, 1]
  // Not a product: a sample that is not finite spoils its own group alone, and the order of adding is fixed.
  return of_samples.unsqueeze(1).masked_fill(belongs.logical_not(), 0.0).sum(0).flatten();
}

at::Tensor Sums(const at::Tensor& squared_error, const at::Tensor& losses, const at::Tensor& target,
                const Regions& regions, const at::Tensor& groups, std::int64_t group_count) {
  const at::Tensor masked_voxels = SumPerSample(regions.masked);
  const at::Tensor visible_voxels = SumPerSample(regions.visible);
  const at::Tensor masked_error = SumWhere(regions.masked, squared_error);
  const at::Tensor fill_error = MeanFillError(target, regions, visible_voxels);
  const at::Tensor samples = at::full({}, static_cast<double>(squared_error.size(0)), masked_voxels.options());
  const at::Tensor sums =
      at::stack({samples, losses.sum(at::kDouble), masked_error.sum(), SumWhere(regions.visible, squared_error).sum(),
                 masked_voxels.sum(), visible_voxels.sum(), fill_error.sum()});
  if (group_count == 0) return sums;
  const at::Tensor of_samples = at::stack({masked_error, masked_voxels, fill_error}, 1);  // [B, kGroupSums]
  return at::cat({sums, GroupSums(of_samples, groups, group_count)});
}

std::vector<float> ToVector(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* values = host.const_data_ptr<float>();
  return std::vector<float>(values, values + host.numel());
}

}  // namespace

ObjectiveResult ReconstructionLoss(const at::Tensor& output, const MaskedBatch& batch, LossRegion region,
                                   const at::Tensor& groups, std::int64_t group_count) {
  const at::Tensor wide = output.scalar_type() == at::kDouble ? output : output.to(at::kFloat);
  const at::Tensor squared_error = (wide - batch.target).square();  // [B, 1, D, H, W]
  const Regions regions = RegionsOf(batch);
  at::Tensor losses;  // [B]
  if (region == LossRegion::kWhole && !batch.excluded.defined()) {
    losses = squared_error.mean(kVoxelAxes);
  } else {
    const at::Tensor counted = region == LossRegion::kMasked ? regions.masked : batch.excluded.logical_not();
    const at::Tensor voxels = counted.sum(kVoxelAxes).clamp_min(1);
    losses = squared_error.masked_fill(counted.logical_not(), 0.0).sum(kVoxelAxes) / voxels;
  }
  ObjectiveResult result;
  result.loss = losses.sum();
  const c10::AutoGradMode no_gradients(false);
  result.sums = Sums(squared_error.detach(), losses.detach(), batch.target, regions, groups, group_count);
  return result;
}

ObjectiveResult MaskedObjective::Compute(const Network& network, absl::Span<const Sample* const> samples) const {
  MaskedBatch batch = MakeMaskedBatch(samples, options_.token, options_.device);
  const c10::ScalarType type = network.parameters().front().tensor.scalar_type();
  batch.input = batch.input.to(type);
  batch.target = batch.target.to(type);
  at::Tensor output;
  {
    const AutocastScope autocast(options_.device.type(), options_.bf16);
    output = network.Forward(batch.input);
  }
  if (options_.groups.empty()) return ReconstructionLoss(output, batch, options_.region);
  std::vector<std::int64_t> groups;
  for (const Sample* sample : samples) groups.push_back(sample->group);
  return ReconstructionLoss(output, batch, options_.region,
                            at::tensor(c10::ArrayRef<std::int64_t>(groups), at::kLong).to(options_.device),
                            static_cast<std::int64_t>(options_.groups.size()));
}

int MaskedObjective::sums() const {
  return ReconstructionSums::kCount + kGroupSums * static_cast<int>(options_.groups.size());
}

MetricMap MaskedObjective::MetricsOf(absl::Span<const double> sums) const {
  ReconstructionSums all;
  std::copy_n(sums.begin(), ReconstructionSums::kCount, all.values.begin());
  MetricMap metrics = {{"loss", all.MeanLoss()},
                       {"loss_masked", all.MaskedLoss()},
                       {"loss_visible", all.VisibleLoss()},
                       {"loss_visible_mean", all.MeanFillLoss()},
                       {"masked_r2", all.MaskedR2()}};
  for (std::size_t i = 0; i < options_.groups.size(); ++i) {
    const absl::Span<const double> group = sums.subspan(ReconstructionSums::kCount + kGroupSums * i, kGroupSums);
    if (group[1] == 0) continue;  // no voxel
    metrics["loss_masked/" + options_.groups[i]] = group[0] / group[1];
    metrics["masked_r2/" + options_.groups[i]] = group[2] > 0 ? 1.0 - group[0] / group[2] : 0.0;
  }
  return metrics;
}

std::optional<CropPicture> MaskedObjective::Picture(const Network& network, const Sample& sample) const {
  if (sample.skipped) return std::nullopt;
  const c10::AutoGradMode no_gradients(false);
  const MaskedBatch batch = MakeMaskedBatch({&sample}, options_.token, options_.device);
  const AutocastScope autocast(options_.device.type(), options_.bf16);
  return CropPicture{.shape = sample.shape,
                     .input = sample.input,
                     .masked = ToVector(batch.input.masked_fill(batch.mask, std::numeric_limits<double>::quiet_NaN())),
                     .reconstruction = ToVector(network.Forward(batch.input)),
                     .target = ToVector(batch.target)};
}

}  // namespace amaes

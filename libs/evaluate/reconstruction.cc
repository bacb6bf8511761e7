#include "libs/evaluate/reconstruction.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cstring>
#include <limits>

#include "libs/base/status_macros.h"
#include "libs/models/autocast.h"
#include "libs/models/torch_errors.h"

namespace amaes {
namespace {

constexpr std::array<std::int64_t, 4> kVoxelAxes{1, 2, 3, 4};

// [B, 1, P, P, P] → [B] float64
at::Tensor SumPerSample(const at::Tensor& values) {
  return values.sum(kVoxelAxes, /*keepdim=*/false, at::kDouble);
}

// Squared error of filling the masked voxels with the mean of the visible ones, per sample: [B] float64.
at::Tensor MeanFillError(const at::Tensor& target, const at::Tensor& mask, const at::Tensor& visible_voxels) {
  const at::Tensor visible_sum = SumPerSample(target.masked_fill(mask, 0.0));
  const at::Tensor mean = (visible_sum / visible_voxels.clamp_min(1)).to(target.scalar_type()).view({-1, 1, 1, 1, 1});
  return SumPerSample((target - mean).masked_fill_(mask.logical_not(), 0.0).square_());
}

at::Tensor Sums(const at::Tensor& squared_error, const at::Tensor& losses, const MaskedBatch& batch) {
  const at::Tensor masked_voxels = SumPerSample(batch.mask);
  const at::Tensor visible_voxels = squared_error[0].numel() - masked_voxels;
  const at::Tensor masked_error = SumPerSample(squared_error.masked_fill(batch.mask.logical_not(), 0.0));
  const at::Tensor visible_error = SumPerSample(squared_error.masked_fill(batch.mask, 0.0));
  const at::Tensor samples = at::full({}, static_cast<double>(squared_error.size(0)), masked_error.options());
  return at::stack({samples, losses.sum(at::kDouble), masked_error.sum(), visible_error.sum(), masked_voxels.sum(),
                    visible_voxels.sum(), MeanFillError(batch.target, batch.mask, visible_voxels).sum()});
}

std::vector<float> ToVector(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* values = host.const_data_ptr<float>();
  return std::vector<float>(values, values + host.numel());
}

}  // namespace

ReconstructionLoss ComputeLoss(const at::Tensor& output, const MaskedBatch& batch, LossRegion region) {
  const at::Tensor wide = output.scalar_type() == at::kDouble ? output : output.to(at::kFloat);
  const at::Tensor squared_error = (wide - batch.target).square();  // [B, 1, P, P, P]
  at::Tensor losses;                                                // [B]
  if (region == LossRegion::kWhole) {
    losses = squared_error.mean(kVoxelAxes);
  } else {
    const at::Tensor masked = squared_error.masked_fill(batch.mask.logical_not(), 0.0);
    losses = masked.sum(kVoxelAxes) / batch.mask.sum(kVoxelAxes);
  }
  ReconstructionLoss result;
  result.loss = losses.sum();
  const c10::AutoGradMode no_gradients(false);
  result.sums = Sums(squared_error.detach(), losses.detach(), batch);
  return result;
}

ReconstructionSums ToHost(const at::Tensor& sums) {
  const at::Tensor host = sums.to(at::kCPU).contiguous();
  ReconstructionSums result;
  std::memcpy(result.values.data(), host.const_data_ptr<double>(), sizeof result.values);
  return result;
}

absl::StatusOr<ReconstructionSums> EvaluateCrops(const Network& network, absl::Span<const Sample> crops,
                                                 const EvaluationOptions& options) {
  std::vector<const Sample*> kept;
  for (const Sample& crop : crops) {
    if (!crop.skipped) kept.push_back(&crop);
  }
  ReconstructionSums total;
  AMAES_RETURN_IF_ERROR(CatchTorch("evaluation", [&] {
    const c10::AutoGradMode no_gradients(false);
    at::Tensor sums = at::zeros({ReconstructionSums::kCount}, at::TensorOptions(at::kDouble).device(options.device));
    for (std::size_t first = 0; first < kept.size(); first += options.batch) {
      const auto samples = absl::MakeConstSpan(kept).subspan(first, options.batch);
      const MaskedBatch batch = MakeMaskedBatch(samples, options.patch, options.token, options.device);
      at::Tensor output;
      {
        const AutocastScope autocast(options.device.type(), options.bf16);
        output = network.Forward(batch.input);
      }
      sums += ComputeLoss(output, batch, options.region).sums;
    }
    total = ToHost(sums);
  }));
  return total;
}

absl::StatusOr<CropPicture> ReconstructCrop(const Network& network, const Sample& crop,
                                            const EvaluationOptions& options) {
  if (crop.skipped) return absl::InvalidArgumentError("a skipped crop cannot be reconstructed: it has no voxels");
  CropPicture picture;
  AMAES_RETURN_IF_ERROR(CatchTorch("reconstruction", [&] {
    const c10::AutoGradMode no_gradients(false);
    const MaskedBatch batch = MakeMaskedBatch({&crop}, options.patch, options.token, options.device);
    const AutocastScope autocast(options.device.type(), options.bf16);
    picture.patch = options.patch;
    picture.input = crop.patch;
    picture.masked = ToVector(batch.input.masked_fill(batch.mask, std::numeric_limits<double>::quiet_NaN()));
    picture.target = ToVector(batch.target);
    picture.reconstruction = ToVector(network.Forward(batch.input));
  }));
  return picture;
}

}  // namespace amaes

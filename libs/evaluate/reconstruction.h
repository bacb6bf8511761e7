// How well masked voxels are reconstructed: the loss that is minimised, and the numbers that are reported.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/augment/masking.h"
#include "libs/loader/loader.h"
#include "libs/models/network.h"

namespace amaes {

// Which voxels the MSE is over: all of the patch (the reference), or the masked ones.
enum class LossRegion { kWhole, kMasked };

// Sums over samples and voxels. They add up over samples, micro-batches and ranks; ratios are taken last.
struct ReconstructionSums {
  static constexpr int kCount = 7;
  std::array<double, kCount> values{};

  double samples() const { return values[0]; }
  double loss() const { return values[1]; }           // of the samples' losses
  double masked_error() const { return values[2]; }   // squared error on masked voxels
  double visible_error() const { return values[3]; }
  double masked_voxels() const { return values[4]; }
  double visible_voxels() const { return values[5]; }
  // Squared error of filling the masked voxels with the mean of the target's visible voxels of that patch.
  double mean_fill_error() const { return values[6]; }

  // Means; 0 where there is nothing to divide by.
  double MeanLoss() const { return Ratio(loss(), samples()); }
  double MaskedLoss() const { return Ratio(masked_error(), masked_voxels()); }
  double VisibleLoss() const { return Ratio(visible_error(), visible_voxels()); }
  double MeanFillLoss() const { return Ratio(mean_fill_error(), masked_voxels()); }
  // 0: no better than the mean; 1: perfect. 0 when the mean is perfect itself.
  double MaskedR2() const { return mean_fill_error() > 0 ? 1.0 - masked_error() / mean_fill_error() : 0.0; }

  ReconstructionSums& operator+=(const ReconstructionSums& other) {
    for (int i = 0; i < kCount; ++i) values[i] += other.values[i];
    return *this;
  }

 private:
  static double Ratio(double sum, double count) { return count > 0 ? sum / count : 0.0; }
};

struct ReconstructionLoss {
  at::Tensor loss;  // scalar with gradient: sum of the samples' losses; bfloat16 outputs are compared in float32
  at::Tensor sums;  // [ReconstructionSums::kCount] float64 on the batch's device, without gradient
};

// `output` [B, 1, P, P, P]. Throws c10::Error.
ReconstructionLoss ComputeLoss(const at::Tensor& output, const MaskedBatch& batch, LossRegion region);

// Copies to the host; waits for a GPU. Throws c10::Error.
ReconstructionSums ToHost(const at::Tensor& sums);

struct EvaluationOptions {
  std::int64_t patch = 128, token = 4;
  std::int64_t batch = 1;  // samples per forward pass
  LossRegion region = LossRegion::kWhole;
  bool bf16 = false;       // autocast
  c10::Device device = at::kCPU;
};

// Over fixed crops, without gradients. Skipped crops count for nothing.
//   - ResourceExhausted: out of memory.   - Internal: error of the tensor library.
absl::StatusOr<ReconstructionSums> EvaluateCrops(const Network& network, absl::Span<const Sample> crops,
                                                 const EvaluationOptions& options);

// One crop for a picture: patch³ values each, z fastest.
struct CropPicture {
  std::int64_t patch = 0;
  std::vector<float> input;           // the patch
  std::vector<float> masked;          // what the network saw; NaN where masked
  std::vector<float> reconstruction;  // what it answered, everywhere
  std::vector<float> target;
};

// Errors as EvaluateCrops.
absl::StatusOr<CropPicture> ReconstructCrop(const Network& network, const Sample& crop, const EvaluationOptions& options);

}  // namespace amaes

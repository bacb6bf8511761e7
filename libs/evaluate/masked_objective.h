// AMAES: how well masked voxels are reconstructed. The loss that is minimised, and the numbers that are reported.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "libs/augment/masking.h"
#include "libs/evaluate/objective.h"

namespace amaes {

// Which voxels the MSE is over: all of the patch (the reference), or the masked ones. Excluded voxels never count, neither
// here nor in the sums below; a sample of whose region nothing is left has loss 0.
enum class LossRegion { kWhole, kMasked };

// Sums over samples and voxels. They add up over samples, micro-batches and ranks; ratios are taken last.
struct ReconstructionSums {
  static constexpr int kCount = 7;
  std::array<double, kCount> values{};

  double samples() const { return values[0]; }
  double loss() const { return values[1]; }          // of the samples' losses
  double masked_error() const { return values[2]; }  // squared error on masked voxels
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

 private:
  static double Ratio(double sum, double count) { return count > 0 ? sum / count : 0.0; }
};

// `output` [B, 1, D, H, W], of any floating type; bfloat16 outputs are compared in float32. The sums are ReconstructionSums, then
// masked error, masked voxels and mean fill error of each of `group_count` groups; `groups` [B] int64 on the batch's device.
// Throws c10::Error.
ObjectiveResult ReconstructionLoss(const at::Tensor& output, const MaskedBatch& batch, LossRegion region,
                                   const at::Tensor& groups = {}, std::int64_t group_count = 0);

struct MaskedObjectiveOptions {
  std::int64_t token = 4;
  LossRegion region = LossRegion::kWhole;
  bool bf16 = false;  // autocast
  c10::Device device = at::kCPU;
  std::vector<std::string> groups{};  // of scans whose loss is told apart: what Sample::group counts
};

// Metrics: loss, loss_masked, loss_visible, loss_visible_mean (of the mean fill: the bar), masked_r2; of every group that has a
// sample loss_masked/GROUP and masked_r2/GROUP.
class MaskedObjective final : public Objective {
 public:
  explicit MaskedObjective(const MaskedObjectiveOptions& options) : options_(options) {}

  int sums() const override;
  ObjectiveResult Compute(const Network& network, absl::Span<const Sample* const> samples) const override;
  MetricMap MetricsOf(absl::Span<const double> sums) const override;
  std::optional<CropPicture> Picture(const Network& network, const Sample& sample) const override;

 private:
  const MaskedObjectiveOptions options_;
};

}  // namespace amaes

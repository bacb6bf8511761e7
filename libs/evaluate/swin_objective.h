// SwinUNETR's own pretraining: of two turned and spoiled views of each sample tell the turn, tell that they belong together,
// and restore them. Samples see each other inside fixed groups of consecutive positions alone, so that the result does not
// depend on the number of workers.
#pragma once

#include <ATen/core/Tensor.h>

#include "libs/augment/swin_views.h"
#include "libs/evaluate/objective.h"
#include "libs/models/swin_decoder.h"

namespace amaes {

struct SwinObjectiveOptions {
  SwinViewOptions views;
  bool bf16 = false;  // autocast
  c10::Device device = at::kCPU;
};

// Per view, [2B]: first views, then second ones.
struct SwinLosses {
  at::Tensor rotation;     // cross-entropy of the quarter turns
  at::Tensor correct;      // 1 where the most likely turn is the right one
  at::Tensor contrastive;  // NT-Xent, temperature 0.5, against all views of the sample's group
  at::Tensor
      reconstruction;  // mean absolute error against the view before it was spoiled; 0 where all of it is excluded
};

// `groups` [B] int64: equal where samples see each other. Throws c10::Error.
SwinLosses ComputeSwinLosses(const SwinHeadOutputs& outputs, const SwinViews& views, const at::Tensor& groups);

// A sample's loss is the sum of the three, each the mean over its two views.
// Metrics: loss, loss_rotation, rotation_accuracy, loss_contrastive, loss_reconstruction.
class SwinObjective final : public Objective {
 public:
  explicit SwinObjective(const SwinObjectiveOptions& options) : options_(options) {}

  int sums() const override { return kCount; }
  std::int64_t group() const override { return options_.views.group; }
  // `network` is a SwinPretrainingNetwork.
  ObjectiveResult Compute(const Network& network, absl::Span<const Sample* const> samples) const override;
  MetricMap MetricsOf(absl::Span<const double> sums) const override;
  // The first view; nothing is copied into it, for the sample is alone.
  std::optional<CropPicture> Picture(const Network& network, const Sample& sample) const override;

 private:
  enum { kRotation = kLoss + 1, kCorrect, kContrastive, kReconstruction, kCount };

  const SwinObjectiveOptions options_;
};

}  // namespace amaes

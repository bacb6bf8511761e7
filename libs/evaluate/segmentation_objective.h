// Finetuning for segmentation: soft Dice plus cross-entropy, and the Dice that is reported.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "libs/evaluate/objective.h"

namespace amaes {

struct SegmentationObjectiveOptions {
  std::vector<std::string> classes;  // names without the background, in the order of the labels' codes
  bool regions = false;              // they may overlap: codes are bits
  bool bf16 = false;                 // autocast
  c10::Device device = at::kCPU;
};

// Metrics: loss, loss_dice, loss_ce; dice_NAME of each class over all voxels of the batch, or of all fixed crops; and dice, the
// mean over the classes that are there, or were said to be.
class SegmentationObjective final : public Objective {
 public:
  explicit SegmentationObjective(SegmentationObjectiveOptions options) : options_(std::move(options)) {}

  // Samples, loss, Dice term, cross-entropy; then of each class the voxels that are right, wrongly there, wrongly not.
  int sums() const override { return kOverlap + 3 * static_cast<int>(options_.classes.size()); }
  ObjectiveResult Compute(const Network& network, absl::Span<const Sample* const> samples) const override;
  MetricMap MetricsOf(absl::Span<const double> sums) const override;

 private:
  static constexpr int kOverlap = 4;
  const SegmentationObjectiveOptions options_;
};

}  // namespace amaes

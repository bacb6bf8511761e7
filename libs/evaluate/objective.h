// What a network is trained for: from samples to the loss that is minimised and to the numbers that are reported. The step,
// the loop and validation work with any objective.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/base/metric_map.h"
#include "libs/loader/sample_source.h"
#include "libs/models/network.h"

namespace amaes {

struct ObjectiveResult {
  at::Tensor loss;  // scalar with gradient: sum of the samples' losses
  at::Tensor sums;  // [Objective::sums()] float64 on the device, without gradient
};

// One crop for a picture: a volume's voxels each, z fastest.
struct CropPicture {
  Shape3 shape{};
  std::vector<float> input;           // the patch before masking
  std::vector<float> masked;          // what the network saw; NaN where masked
  std::vector<float> reconstruction;  // what it answered, everywhere
  std::vector<float> target;
};

// Thread-compatible. Functions throw c10::Error; callers stop it at a named place (torch_errors.h).
class Objective {
 public:
  // Every objective's sums begin with these two; the rest is its own. They add up over samples, micro-batches and ranks.
  static constexpr int kSamples = 0;
  static constexpr int kLoss = 1;  // of the samples' losses

  virtual ~Objective() = default;

  virtual int sums() const = 0;
  // Consecutive positions whose losses depend on each other: they are computed together, on one rank.
  virtual std::int64_t group() const { return 1; }
  // Forward pass and loss. No sample is a skipped one, and there is at least one; all are of one shape, in the order of their
  // positions, and of each group all that were not skipped.
  virtual ObjectiveResult Compute(const Network& network, absl::Span<const Sample* const> samples) const = 0;
  // What is reported of sums over a batch, or over fixed crops: "loss", and whatever the objective has. `sums` counts a sample.
  virtual MetricMap MetricsOf(absl::Span<const double> sums) const = 0;
  // None when there is nothing to draw, or the sample was skipped.
  virtual std::optional<CropPicture> Picture(const Network& network, const Sample& sample) const;
};

// Sums over fixed crops, without gradients, `batch` at a time, in whole groups: crops [0, group) are the first. Skipped crops
// count for nothing.
//   - ResourceExhausted: out of memory.   - Internal: error of the tensor library.
absl::StatusOr<std::vector<double>> EvaluateCrops(const Objective& objective, const Network& network,
                                                  absl::Span<const Sample> crops, std::int64_t batch);

}  // namespace amaes

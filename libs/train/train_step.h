// One optimiser update: samples → loss → backward → summed gradients → AdamW.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "libs/collective/communicator.h"
#include "libs/evaluate/objective.h"
#include "libs/loader/loader.h"
#include "libs/models/network.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"
#include "libs/train/update_guard.h"
#include "libs/train/weight_average.h"

namespace amaes {

struct TrainStepOptions {
  std::int64_t global_batch = 1;  // V: each sample's loss is divided by it
  std::int64_t micro_batch = 1;   // samples per forward pass; whole groups of the objective
  std::int64_t lanes = 1;         // of this rank
  double clip_norm = 0;           // of the whole gradient; 0 = never clipped
  c10::Device device = at::kCPU;
};

// What this rank tells all others with every step.
struct StepFlags {
  bool stop = false;                   // an orderly stop was asked for
  bool checkpoint_unfinished = false;  // its share of a checkpoint is still being written
};

// What all ranks know after a step, equally.
struct StepReport {
  std::vector<double> sums;                 // of the objective, over the global batch
  std::int64_t skipped = 0;                 // samples
  std::int64_t stop_requests = 0;           // ranks
  std::int64_t checkpoints_unfinished = 0;  // ranks
  double gradient_norm = 0;                 // L2 norm of the whole gradient, before clipping
  bool left_out = false;                    // not finite, or beyond the limits: nothing was updated
};

// All ranks call the same methods with the same update number. Updates count from 1. Not thread-safe.
// Errors carry their reason (failure.h): of the loader, the communicator, the tensor library.
class TrainStep {
 public:
  using NextSample = absl::FunctionRef<absl::StatusOr<Sample>()>;

  // All must outlive this object; parameters, buckets, optimiser and average (null: none is kept) are on `options.device`.
  TrainStep(const Objective& objective, const Network& network, GradientBuckets& buckets, AdamW& optimizer,
            Communicator& communicator, const TrainStepOptions& options, WeightAverage* average = nullptr);

  // Takes `lanes` samples; afterwards the buckets hold the gradient of the global batch's summed losses divided by V.
  // A skipped sample has weight 0.
  absl::Status ComputeGradients(std::int64_t update, NextSample next_sample, const StepFlags& flags);

  // Divides by V minus the skipped instead of V, clips, and updates. Nothing changes when all samples were skipped, or when loss
  // or gradient norm are not finite or beyond `limits`: the same on all ranks, whatever their hardware, for all decide by
  // numbers that were summed over the ranks. The host waits for a GPU once, when the update is under way.
  absl::StatusOr<StepReport> Update(std::int64_t update, double learning_rate, const UpdateLimits& limits = {});

 private:
  // The next samples that are not skipped, at most micro_batch; empty: no lane is left.
  absl::StatusOr<std::vector<Sample>> NextMicroBatch(NextSample next_sample, std::int64_t& lanes_left);
  absl::Status Backward(const std::vector<Sample>& samples);
  absl::Status ShareStatistics(const StepFlags& flags);
  absl::Status ShareSquares();

  const Objective& objective_;
  const Network& network_;
  GradientBuckets& buckets_;
  AdamW& optimizer_;
  Communicator& communicator_;
  const TrainStepOptions options_;
  WeightAverage* const average_;
  at::Tensor squares_;        // [buckets] float64 on the device: squared norm of each bucket's gradient
  at::Tensor statistics_;     // float64 on the device: the objective's sums, then skipped, stop, unfinished
  std::int64_t skipped_ = 0;  // of this rank in this step
};

}  // namespace amaes

// AdamW (decoupled weight decay, as torch.optim.AdamW) on flat buffers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "libs/models/network.h"
#include "libs/train/bucket_plan.h"

namespace amaes {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  // on all parameters, norms and biases too
  // Parameters whose names begin with the prefix do not change in the first updates, and count their own from then on.
  std::string late_prefix{};
  std::int64_t late_updates = 0;
};

// Not thread-safe. Throws c10::Error.
class AdamW {
 public:
  // Moves the parameters into flat buffers laid out by `plan`; they stay valid handles. Moments begin at zero.
  AdamW(const std::vector<NamedTensor>& parameters, const std::vector<BucketPlan>& plan, const AdamWOptions& options);

  // Update number `update` (from 1). `gradients`: one flat buffer per bucket, laid out by the plan; divided in place by the
  // float32 scalar `gradient_divisor` first. Where the float32 scalar `skip_if_one` is 1, nothing is changed: so that a
  // GPU can leave out an update without asking the host.
  void Step(const std::vector<at::Tensor>& gradients, double learning_rate, std::int64_t update,
            const at::Tensor& gradient_divisor, const at::Tensor& skip_if_one);

  // One flat buffer per bucket, laid out by the plan.
  const std::vector<at::Tensor>& parameters_flat() const { return parameters_flat_; }
  // Views into the flat buffers, in the network's order, named as the parameters.
  const std::vector<NamedTensor>& first_moments() const { return first_moments_; }
  const std::vector<NamedTensor>& second_moments() const { return second_moments_; }

 private:
  const AdamWOptions options_;
  std::vector<at::Tensor> parameters_flat_, first_flat_, second_flat_;  // one per bucket
  std::vector<at::Tensor> updates_;                                     // float32 scalars: the update's number
  std::vector<NamedTensor> first_moments_, second_moments_;

  // With late parameters the update goes by parameter, not by bucket.
  struct Piece {
    std::size_t bucket = 0;
    BucketSlot slot;
  };
  void StepPieces(const std::vector<Piece>& pieces, const std::vector<at::Tensor>& gradients, double learning_rate,
                  std::int64_t update, const at::Tensor& gradient_divisor, const at::Tensor& skip_if_one);
  std::vector<Piece> late_, prompt_;
};

}  // namespace amaes

// Gradients in flat buckets, summed over all ranks while backward still runs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/fault.h"
#include "libs/collective/communicator.h"
#include "libs/models/network.h"
#include "libs/train/bucket_plan.h"

namespace amaes {

// Every parameter's gradient is a view into a bucket, so that nothing is copied. In the last backward pass of a step a
// bucket's all-reduce starts as soon as its last gradient is in; buckets start in the same order on all ranks.
//
// Per step: BeginStep; backward passes, ExpectLastBackward before the last one; FinishBackward; Wait. Not thread-safe; the
// hooks run inside backward, on its thread, while the caller waits there.
class GradientBuckets {
 public:
  // `parameters` must be on their device already; their gradients and hooks belong to this object while it lives.
  GradientBuckets(const std::vector<NamedTensor>& parameters, std::vector<BucketPlan> plan, Communicator& communicator,
                  const FaultAddress& address);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  // Zeroes the gradients. `step` names the step in fault points.
  void BeginStep(std::int64_t step);
  void ExpectLastBackward();
  // Starts what no hook has started (all of them, when this rank had nothing to compute). Errors as StartAllReduceSum.
  absl::Status FinishBackward();
  // Until every bucket is summed. Errors as Communicator::Wait.
  absl::Status Wait();

  const std::vector<at::Tensor>& flat() const;  // one per bucket, 1-D
  const std::vector<BucketPlan>& plan() const;

 private:
  struct State;
  class Hook;
  std::unique_ptr<State> state_;
};

}  // namespace amaes

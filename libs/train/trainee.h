// What is trained: a network, its optimiser, and the buckets of its gradients.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/collective/communicator.h"
#include "libs/models/network.h"
#include "libs/spec/job_spec.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"

namespace amaes {

// Not thread-safe.
struct Trainee {
  std::unique_ptr<Network> network;
  std::unique_ptr<AdamW> optimizer;
  std::unique_ptr<GradientBuckets> buckets;
};

// The network of a job that trains, with the initial weights of its seed, on `device`.
//   - BAD_SPEC, OUT_OF_MEMORY, INTERNAL (failure.h).
absl::StatusOr<std::unique_ptr<Network>> NewNetwork(const JobSpec& spec, c10::Device device);

// The same with all that trains it; `communicator` outlives it. `address` is of fault points.
absl::StatusOr<Trainee> MakeTrainee(const JobSpec& spec, c10::Device device, Communicator& communicator,
                                    const FaultAddress& address);

}  // namespace amaes

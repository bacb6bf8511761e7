// Which device, how many threads, which kernels.
#pragma once

#include <c10/core/Device.h>

#include "absl/status/statusor.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// Sets threads and determinism of this process; opens the GPU when device_index >= 0. Call once, before any tensor is made.
//   - FailedPrecondition: no GPU support (library missing, no such GPU), or a cuDNN that computes 3D convolutions wrongly.
absl::StatusOr<c10::Device> PrepareDevice(const TrainingSpec& spec, int device_index);

// How long a collective may take: 30 s, or five steps of a slow machine if that is more.
absl::Duration CollectiveTimeout(const JobSpec& job, c10::Device device);

}  // namespace amaes

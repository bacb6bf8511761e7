// Where tests compute: on the CPU, or on the GPU of a machine that has one.
#pragma once

#include <c10/core/Device.h>

#include "absl/status/statusor.h"

namespace amaes {

// AMAES_TEST_DEVICE: cpu, also when it is not set, or gpu: the first, prepared as a worker prepares it for `deterministic: true`. Call once.
//   - InvalidArgument: any other value.   - FailedPrecondition: no GPU.
absl::StatusOr<c10::Device> TestDevice();

}  // namespace amaes

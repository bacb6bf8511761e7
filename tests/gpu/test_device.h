// Where tests compute: on the CPU, or on the GPU of a machine that has one.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace amaes {

// cpu, or gpu: the first. As a worker prepares it: threads, cuDNN, kernel choice by timing unless `deterministic`. Call once.
//   - InvalidArgument: any other name.   - FailedPrecondition: no GPU.
absl::StatusOr<c10::Device> OpenDevice(const std::string& name, std::int64_t threads, bool deterministic);

// That of AMAES_TEST_DEVICE: the GPU for one thread, deterministic, or the CPU as the program has it (also where it is not set). Call
// once. Errors as OpenDevice.
absl::StatusOr<c10::Device> TestDevice();

}  // namespace amaes

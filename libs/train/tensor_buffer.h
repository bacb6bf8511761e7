// Tensors as the communicator's buffers.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/status.h"
#include "libs/collective/communicator.h"

namespace amaes {

// The whole of a contiguous float32, float64 or bfloat16 tensor, which must stay alive until Wait returns.
Buffer BufferOf(const at::Tensor& tensor);

// Sums host numbers over all ranks, by way of the communicator's device. Blocks.
//   - Internal: error of the tensor library.   Else as Communicator::Wait.
absl::Status AllReduceSum(std::vector<double>& values, Communicator& communicator, c10::Device device);

}  // namespace amaes

// The one-dimensional plans of libs/transform as matrix products on tensors of any device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "libs/transform/axis_matrix.h"

namespace amaes {

// Row-major values as a float tensor on the device; asynchronous on a GPU. Throws c10::Error.
at::Tensor MatrixOn(const std::vector<float>& values, std::int64_t rows, std::int64_t columns, c10::Device device);

// Along `axis` of a tensor: [..., in, ...] → [..., out, ...]; matrix [out, in]. Throws c10::Error.
at::Tensor AlongAxis(const at::Tensor& values, const at::Tensor& matrix, std::int64_t axis);

}  // namespace amaes

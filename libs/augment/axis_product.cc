#include "libs/augment/axis_product.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include <cstring>

#include "libs/base/log.h"

namespace amaes {

at::Tensor MatrixOn(const std::vector<float>& values, std::int64_t rows, std::int64_t columns, c10::Device device) {
  AMAES_CHECK(static_cast<std::int64_t>(values.size()) == rows * columns);
  const at::Tensor host = at::empty({rows, columns}, at::TensorOptions(at::kFloat).pinned_memory(device.is_cuda()));
  std::memcpy(host.mutable_data_ptr<float>(), values.data(), values.size() * sizeof(float));
  return host.to(device, /*non_blocking=*/true);
}

at::Tensor AlongAxis(const at::Tensor& values, const at::Tensor& matrix, std::int64_t axis) {
  return at::matmul(values.movedim(axis, -1), matrix.t()).movedim(-1, axis);
}

}  // namespace amaes

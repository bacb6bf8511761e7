#include "libs/train/tensor_buffer.h"

#include <ATen/ops/from_blob.h>

#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"

namespace amaes {
namespace {

DataType TypeOf(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return DataType::kFloat32;
    case at::kDouble:
      return DataType::kFloat64;
    case at::kBFloat16:
      return DataType::kBFloat16;
    default:
      AMAES_CHECK(false && "no such type in collectives");
      return DataType::kFloat32;
  }
}

}  // namespace

Buffer BufferOf(const at::Tensor& tensor) {
  AMAES_CHECK(tensor.is_contiguous());
  return {.data = tensor.mutable_data_ptr(), .count = tensor.numel(), .type = TypeOf(tensor)};
}

absl::Status AllReduceSum(std::vector<double>& values, Communicator& communicator, c10::Device device) {
  if (!device.is_cuda()) {
    return communicator.AllReduceSum(
        {.data = values.data(), .count = static_cast<std::int64_t>(values.size()), .type = DataType::kFloat64});
  }
  absl::Status status;
  AMAES_RETURN_IF_ERROR(CatchTorch("all-reduce of numbers", [&] {
    const at::Tensor host = at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kDouble);
    const at::Tensor buffer = host.to(device);
    status = communicator.AllReduceSum(BufferOf(buffer));
    if (status.ok()) host.copy_(buffer);
  }));
  return status;
}

}  // namespace amaes

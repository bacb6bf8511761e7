#include "libs/models/network.h"

#include <c10/core/GradMode.h>

namespace amaes {

void Network::To(c10::Device device, c10::ScalarType type) {
  const c10::AutoGradMode no_gradients(false);
  for (NamedTensor& parameter : parameters_) {
    const bool volumetric = parameter.tensor.dim() == 5 && (device.is_cuda() || type == at::kFloat);
    const at::MemoryFormat format = volumetric ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::Contiguous;
    parameter.tensor.mutable_grad().reset();
    const at::Tensor moved = parameter.tensor.detach().to(device, type);
    // By strides: `contiguous` leaves a tensor with a single channel as it is, and convolutions go by its strides.
    parameter.tensor.set_data(moved.to(at::TensorOptions(), /*non_blocking=*/false, /*copy=*/false, format));
  }
  for (NamedTensor& buffer : buffers_) {
    buffer.tensor.set_data(
        buffer.tensor.to(device, buffer.tensor.is_floating_point() ? type : buffer.tensor.scalar_type()));
  }
}

std::int64_t ParameterCount(const Network& network) {
  std::int64_t count = 0;
  for (const NamedTensor& parameter : network.parameters()) count += parameter.tensor.numel();
  return count;
}

}  // namespace amaes

#include "libs/models/network.h"

#include <c10/core/GradMode.h>

namespace amaes {

void Network::To(c10::Device device, c10::ScalarType type) {
  const c10::AutoGradMode no_gradients(false);
  for (NamedTensor& parameter : parameters_) {
    const bool volumetric = device.is_cuda() && parameter.tensor.dim() == 5;
    const at::MemoryFormat format = volumetric ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::Contiguous;
    parameter.tensor.mutable_grad().reset();
    parameter.tensor.set_data(parameter.tensor.detach().to(device, type).contiguous(format));
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

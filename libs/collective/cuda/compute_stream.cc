// The only file of the GPU communicator that sees LibTorch.
#include "libs/collective/cuda/compute_stream.h"

#include <c10/cuda/CUDAStream.h>

namespace amaes {

void* CurrentComputeStream(int device_index) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_index)).stream();
}

}  // namespace amaes

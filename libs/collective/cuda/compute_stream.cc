// The only file of the GPU communicator that sees LibTorch.
#include "libs/collective/cuda/compute_stream.h"

#include <c10/cuda/CUDAStream.h>
#include <dlfcn.h>

#include <filesystem>

namespace amaes {

void* CurrentComputeStream(int device_index) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_index)).stream();
}

std::string TorchLibraryFolder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&c10::cuda::getCurrentCUDAStream), &info) == 0) return "";
  return std::filesystem::path(info.dli_fname).parent_path().string();
}

}  // namespace amaes

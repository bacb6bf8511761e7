// What the GPU communicator needs of LibTorch.
#pragma once

#include <string>

namespace amaes {

// LibTorch's current stream of the calling thread on GPU `device_index`, as a cudaStream_t.
void* CurrentComputeStream(int device_index);

// Where LibTorch's shared libraries lie.
std::string TorchLibraryFolder();

}  // namespace amaes

#pragma once

namespace amaes {

// LibTorch's current stream of the calling thread on GPU `device_index`, as a cudaStream_t.
void* CurrentComputeStream(int device_index);

}  // namespace amaes

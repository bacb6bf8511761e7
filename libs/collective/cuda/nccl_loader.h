#pragma once

#include "absl/status/statusor.h"
#include "libs/collective/nccl_api.h"

namespace amaes {

// The table for GPU `device_index`. Opens libnccl.so.2: as the dynamic loader finds it, in the NVIDIA wheel beside
// LibTorch, or in /usr/local/cuda. It stays open.
//   - FailedPrecondition: no such GPU, no NCCL, or an older one than 2.28.
absl::StatusOr<NcclApi> LoadNcclApi(int device_index);

}  // namespace amaes

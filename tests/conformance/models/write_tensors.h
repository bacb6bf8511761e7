// What the programs here hand to Python.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "libs/models/network.h"

namespace amaes {

// As safetensors, from any device; float32, float64 or int64. Throws c10::Error. Errors as WriteSafetensors.
absl::Status WriteTensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors);

// Parameters, then buffers.
std::vector<NamedTensor> AllTensors(const Network& network);

}  // namespace amaes

#include "tests/conformance/models/write_tensors.h"

#include "libs/checkpoint/safetensors.h"

namespace amaes {

absl::Status WriteTensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> kept;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().to(at::kCPU).contiguous());
    const TensorType type = tensor.scalar_type() == at::kLong     ? TensorType::kI64
                            : tensor.scalar_type() == at::kDouble ? TensorType::kF64
                                                                  : TensorType::kF32;
    views.push_back(
        {.name = name,
         .type = type,
         .shape = tensor.sizes().vec(),
         .bytes = absl::string_view(static_cast<const char*>(kept.back().const_data_ptr()), kept.back().nbytes())});
  }
  return WriteSafetensors(path, views, {{"format", "pt"}});
}

std::vector<NamedTensor> AllTensors(const Network& network) {
  std::vector<NamedTensor> all = network.parameters();
  all.insert(all.end(), network.buffers().begin(), network.buffers().end());
  return all;
}

}  // namespace amaes

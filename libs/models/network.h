// A network: named parameters and a forward pass. No torch::nn: parameters are plain leaf tensors, so that the optimiser can
// put them into flat buffers and a checkpoint can name them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace amaes {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

// Not thread-safe. Functions throw c10::Error; callers stop it at a named place (torch_errors.h).
class Network {
 public:
  virtual ~Network() = default;

  // [B, 1, D, H, W] → [B, 1, D, H, W]; D, H, W multiples of 16 and at least 32.
  virtual at::Tensor Forward(const at::Tensor& input) const = 0;

  // In the reference's order. Leaf tensors that require gradients. The handles stay valid for the network's life.
  const std::vector<NamedTensor>& parameters() const { return parameters_; }

  // Moves and converts all parameters in place; gradients are dropped. On a GPU weights become channels-last.
  void To(c10::Device device, c10::ScalarType type);

 protected:
  std::vector<NamedTensor> parameters_;
};

std::int64_t ParameterCount(const Network& network);

}  // namespace amaes

// A network: named parameters and a forward pass. No torch::nn: parameters are plain leaf tensors, so that the optimiser can
// put them into flat buffers and a checkpoint can name them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
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

  // [B, in, D, H, W] → [B, out, D, H, W]; sides as NetworkFacts says (libs/spec/network_facts.h).
  virtual at::Tensor Forward(const at::Tensor& input) const = 0;

  // {full, 1/2, 1/4, …}, [B, out, …] each, coarser by one level each, while gradients are enabled and the network was
  // built with deep supervision; else {Forward(input)}.
  virtual std::vector<at::Tensor> ForwardDeep(const at::Tensor& input) const { return {Forward(input)}; }

  // What finetuning takes over are the parameters (and buffers) whose names begin with this; it ends with a dot.
  virtual std::string encoder_prefix() const { return "encoder."; }

  // In the reference's order. Leaf tensors that require gradients. The handles stay valid for the network's life.
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  // Saved with the parameters and moved with them, never trained. Their names are not those of parameters.
  const std::vector<NamedTensor>& buffers() const { return buffers_; }

  // Moves and converts all parameters in place, and buffers of floating point; other buffers are only moved. Gradients are
  // dropped. On a GPU, and in float32 on the CPU, weights become channels-last.
  void To(c10::Device device, c10::ScalarType type);

 protected:
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
};

std::int64_t ParameterCount(const Network& network);

}  // namespace amaes

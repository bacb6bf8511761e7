// What networks are made of: named parameters with their initial values, and the layers that hold them.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "libs/models/network.h"

namespace amaes {

// Weight and bias of a convolution, a linear layer or a norm. A bias may be undefined: none.
struct Affine {
  at::Tensor weight, bias;
};

// Appends to a list of parameters, in the order of the calls. Initial values follow PyTorch's defaults (weights and biases
// uniform in ±1/√fan_in, norms 1 and 0), drawn from a counter-based stream whose position is the parameter's index: the same
// on every machine and under every torch. Float32, on the CPU; leaf tensors that require gradients.
class ParameterBuilder {
 public:
  ParameterBuilder(std::uint64_t seed, std::vector<NamedTensor>& parameters) : seed_(seed), parameters_(parameters) {}

  // "NAME.weight" [out, in / groups, kernel…], "NAME.bias" [out].
  Affine Convolution(const std::string& name, std::int64_t in, std::int64_t out, std::array<std::int64_t, 3> kernel,
                     std::int64_t groups = 1, bool bias = true);
  Affine Convolution(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel) {
    return Convolution(name, in, out, {kernel, kernel, kernel});
  }
  // "NAME.weight" [in, out, kernel…], "NAME.bias" [out]. PyTorch takes its fan_in from `out`.
  Affine TransposedConvolution(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel,
                               bool bias = true);
  // "NAME.weight" [out, in], "NAME.bias" [out].
  Affine Linear(const std::string& name, std::int64_t in, std::int64_t out, bool bias = true);
  // "NAME.weight" [channels] = 1, "NAME.bias" [channels] = 0.
  Affine Norm(const std::string& name, std::int64_t channels);

  // For other distributions: uniform in [-bound, bound); normal with mean 0, drawn again while it lies outside [-cut, cut].
  at::Tensor AddUniform(const std::string& name, c10::IntArrayRef shape, double bound);
  at::Tensor AddNormal(const std::string& name, c10::IntArrayRef shape, double deviation, double cut);
  at::Tensor AddConstant(const std::string& name, c10::IntArrayRef shape, double value);

 private:
  at::Tensor Add(const std::string& name, at::Tensor tensor);

  const std::uint64_t seed_;
  std::vector<NamedTensor>& parameters_;
};

}  // namespace amaes

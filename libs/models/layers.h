// Layers that several networks share.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "libs/models/parameters.h"

namespace amaes {

// Affine instance norm, then LeakyReLU with slope 0.01. [B, C, D, H, W], C the norm's.
at::Tensor NormLeakyRelu(const at::Tensor& input, const Affine& norm);

// 3³ convolution with bias → instance norm → LeakyReLU: "NAME.conv.weight", "NAME.conv.bias", "NAME.norm.weight", "NAME.norm.bias".
class ConvolutionUnit {
 public:
  ConvolutionUnit() = default;
  ConvolutionUnit(ParameterBuilder& builder, const std::string& name, std::int64_t in, std::int64_t out);
  // [B, in, D, H, W] → [B, out, D, H, W]
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  Affine conv_, norm_;
};

}  // namespace amaes

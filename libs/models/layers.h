// Layers that several networks share. On the CPU in float32 they keep the channels-last layout: convolutions need no reordering
// there, and norm and activation are one pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "libs/models/parameters.h"

namespace amaes {

// Affine norm over each sample's channel (eps 1e-5): instance norm, or group norm with a channel per group.
// [B, C, D, H, W] → the same, C the norm's.
at::Tensor InstanceNorm(const at::Tensor& input, const Affine& norm);
// The same, then LeakyReLU with slope 0.01; the second adds `residual` in between.
at::Tensor NormLeakyRelu(const at::Tensor& input, const Affine& norm);
at::Tensor NormAddLeakyRelu(const at::Tensor& input, const Affine& norm, const at::Tensor& residual);

// 3³ convolution, padding 1: [B, in, D, H, W] → [B, out, D/stride, H/stride, W/stride].
at::Tensor Convolution3(const at::Tensor& input, const Affine& conv, std::int64_t stride = 1);
// 1³ convolution: [B, in, D, H, W] → [B, out, D, H, W]. Its bias may be undefined.
at::Tensor Convolution1(const at::Tensor& input, const Affine& conv);

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

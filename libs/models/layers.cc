#include "libs/models/layers.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>

#include "libs/models/fused_norm.h"

namespace amaes {
namespace {

constexpr double kNegativeSlope = 0.01;
constexpr double kNormEpsilon = 1e-5;
constexpr double kNormMomentum = 0.1;  // without effect: no running statistics

at::Tensor PlainNorm(const at::Tensor& input, const Affine& norm) {
  return at::instance_norm(input, norm.weight, norm.bias, /*running_mean=*/{}, /*running_var=*/{},
                           /*use_input_stats=*/true, kNormMomentum, kNormEpsilon, /*cudnn_enabled=*/true);
}

bool IsFloatOnCpu(const at::Tensor& tensor) { return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat; }

// LibTorch 2.11 leaves small convolutions of a single sample to a slow path of its own, whose limit this is; not those in
// groups.
bool IsSlowAlone(const at::Tensor& input, const Affine& conv) {
  constexpr std::int64_t kLimit = 20480;
  return IsFloatOnCpu(input) && input.size(0) == 1 && input.size(1) * input.size(2) * input.size(3) <= kLimit &&
         conv.weight.size(0) % 2 == 0;
}

}  // namespace

at::Tensor InstanceNorm(const at::Tensor& input, const Affine& norm) {
  return CanFuseNorm(input, norm) ? FusedNorm(input, norm, /*residual=*/{}, /*slope=*/1) : PlainNorm(input, norm);
}

// In place where it is not fused: the norm's backward needs its input only.
at::Tensor NormLeakyRelu(const at::Tensor& input, const Affine& norm) {
  if (CanFuseNorm(input, norm)) return FusedNorm(input, norm, /*residual=*/{}, kNegativeSlope);
  at::Tensor normalised = PlainNorm(input, norm);
  return at::leaky_relu_(normalised, kNegativeSlope);
}

at::Tensor NormAddLeakyRelu(const at::Tensor& input, const Affine& norm, const at::Tensor& residual) {
  if (CanFuseNorm(input, norm)) return FusedNorm(input, norm, residual, kNegativeSlope);
  at::Tensor sum = PlainNorm(input, norm).add_(residual);
  return at::leaky_relu_(sum, kNegativeSlope);
}

at::Tensor Convolution3(const at::Tensor& input, const Affine& conv, std::int64_t stride) {
  if (!IsSlowAlone(input, conv)) return at::conv3d(input, conv.weight, conv.bias, stride, /*padding=*/1);
  // The input twice, each for one half of the output's channels: the same sums.
  return at::conv3d(at::cat({input, input}, /*dim=*/1), conv.weight, conv.bias, stride, /*padding=*/1, /*dilation=*/1,
                    /*groups=*/2);
}

at::Tensor Convolution1(const at::Tensor& input, const Affine& conv) {
  if (!IsFloatOnCpu(input)) return at::conv3d(input, conv.weight, conv.bias);
  // In channels-last layout it is one product of matrices.
  const at::Tensor rows = input.permute({0, 2, 3, 4, 1});
  return at::linear(rows, conv.weight.view({conv.weight.size(0), conv.weight.size(1)}), conv.bias)
      .permute({0, 4, 1, 2, 3});
}

ConvolutionUnit::ConvolutionUnit(ParameterBuilder& builder, const std::string& name, std::int64_t in, std::int64_t out)
    : conv_(builder.Convolution(name + ".conv", in, out, 3)), norm_(builder.Norm(name + ".norm", out)) {}

at::Tensor ConvolutionUnit::Forward(const at::Tensor& input) const {
  return NormLeakyRelu(Convolution3(input, conv_), norm_);
}

}  // namespace amaes

#include "libs/models/layers.h"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>

namespace amaes {
namespace {

constexpr double kNegativeSlope = 0.01;
constexpr double kNormEpsilon = 1e-5;
constexpr double kNormMomentum = 0.1;  // without effect: no running statistics

}  // namespace

at::Tensor InstanceNorm(const at::Tensor& input, const Affine& norm) {
  return at::instance_norm(input, norm.weight, norm.bias, /*running_mean=*/{}, /*running_var=*/{},
                           /*use_input_stats=*/true, kNormMomentum, kNormEpsilon, /*cudnn_enabled=*/true);
}

// In place: the norm's backward needs its input only.
at::Tensor NormLeakyRelu(const at::Tensor& input, const Affine& norm) {
  at::Tensor normalised = InstanceNorm(input, norm);
  return at::leaky_relu_(normalised, kNegativeSlope);
}

at::Tensor NormAddLeakyRelu(const at::Tensor& input, const Affine& norm, const at::Tensor& residual) {
  at::Tensor sum = InstanceNorm(input, norm).add_(residual);
  return at::leaky_relu_(sum, kNegativeSlope);
}

ConvolutionUnit::ConvolutionUnit(ParameterBuilder& builder, const std::string& name, std::int64_t in, std::int64_t out)
    : conv_(builder.Convolution(name + ".conv", in, out, 3)), norm_(builder.Norm(name + ".norm", out)) {}

at::Tensor ConvolutionUnit::Forward(const at::Tensor& input) const {
  return NormLeakyRelu(at::conv3d(input, conv_.weight, conv_.bias, /*stride=*/1, /*padding=*/1), norm_);
}

}  // namespace amaes

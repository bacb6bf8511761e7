#include "libs/models/parameters.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

double DefaultBound(std::int64_t fan_in) { return 1.0 / std::sqrt(static_cast<double>(fan_in)); }

}  // namespace

Affine ParameterBuilder::Convolution(const std::string& name, std::int64_t in, std::int64_t out,
                                     std::array<std::int64_t, 3> kernel, std::int64_t groups, bool bias) {
  const double bound = DefaultBound(in / groups * kernel[0] * kernel[1] * kernel[2]);
  Affine affine;
  affine.weight = AddUniform(absl::StrCat(name, ".weight"), {out, in / groups, kernel[0], kernel[1], kernel[2]}, bound);
  if (bias) affine.bias = AddUniform(absl::StrCat(name, ".bias"), {out}, bound);
  return affine;
}

Affine ParameterBuilder::TransposedConvolution(const std::string& name, std::int64_t in, std::int64_t out,
                                               std::int64_t kernel, bool bias) {
  const double bound = DefaultBound(out * kernel * kernel * kernel);
  Affine affine;
  affine.weight = AddUniform(absl::StrCat(name, ".weight"), {in, out, kernel, kernel, kernel}, bound);
  if (bias) affine.bias = AddUniform(absl::StrCat(name, ".bias"), {out}, bound);
  return affine;
}

Affine ParameterBuilder::Linear(const std::string& name, std::int64_t in, std::int64_t out, bool bias) {
  Affine affine;
  affine.weight = AddUniform(absl::StrCat(name, ".weight"), {out, in}, DefaultBound(in));
  if (bias) affine.bias = AddUniform(absl::StrCat(name, ".bias"), {out}, DefaultBound(in));
  return affine;
}

Affine ParameterBuilder::Norm(const std::string& name, std::int64_t channels) {
  Affine affine;
  affine.weight = AddConstant(absl::StrCat(name, ".weight"), {channels}, 1);
  affine.bias = AddConstant(absl::StrCat(name, ".bias"), {channels}, 0);
  return affine;
}

at::Tensor ParameterBuilder::AddUniform(const std::string& name, c10::IntArrayRef shape, double bound) {
  const at::Tensor tensor = at::empty(shape, at::kFloat);
  RandomStream stream(seed_, Purpose::kInitialWeights, parameters_.size());
  float* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(bound * (stream.NextUint32() * 0x1p-31 - 1.0));
  }
  return Add(name, tensor);
}

at::Tensor ParameterBuilder::AddNormal(const std::string& name, c10::IntArrayRef shape, double deviation, double cut) {
  const at::Tensor tensor = at::empty(shape, at::kFloat);
  RandomStream stream(seed_, Purpose::kInitialWeights, parameters_.size());
  float* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    double value = deviation * stream.Normal();
    while (std::abs(value) > cut) value = deviation * stream.Normal();
    values[i] = static_cast<float>(value);
  }
  return Add(name, tensor);
}

at::Tensor ParameterBuilder::AddConstant(const std::string& name, c10::IntArrayRef shape, double value) {
  return Add(name, at::full(shape, value, at::kFloat));
}

at::Tensor ParameterBuilder::Add(const std::string& name, at::Tensor tensor) {
  tensor.requires_grad_(true);
  parameters_.push_back({name, tensor});
  return tensor;
}

}  // namespace amaes

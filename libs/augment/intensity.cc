#include "libs/augment/intensity.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sqrt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "libs/augment/axis_product.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/intensity.h"

namespace amaes {
namespace {

// Least and greatest value, as tensors: no value comes to the host.
struct Bounds {
  at::Tensor minimum, maximum;
};
Bounds BoundsOf(const at::Tensor& patch) { return {at::amin(patch), at::amax(patch)}; }

at::Tensor Clipped(const at::Tensor& values, const Bounds& bounds, bool clip) {
  return clip ? at::clamp(values, bounds.minimum, bounds.maximum) : values;
}

at::Tensor FourierAlong(const at::Tensor& patch, int axis, const std::vector<double>& factors, bool clip) {
  const Bounds bounds = BoundsOf(patch);
  const at::Tensor offset = at::clamp(-bounds.minimum, 0.0);
  const Circulant circulant = FourierFactors(factors);
  const auto n = static_cast<std::int64_t>(factors.size());
  const at::Tensor lifted = patch + offset;
  at::Tensor size = AlongAxis(lifted, MatrixOn(circulant.real.values, n, n, patch.device()), axis);
  if (circulant.imaginary.values.empty()) {
    size = size.abs();
  } else {
    const at::Tensor imaginary = AlongAxis(lifted, MatrixOn(circulant.imaginary.values, n, n, patch.device()), axis);
    size = at::sqrt(size * size + imaginary * imaginary);
  }
  return Clipped(size - offset, bounds, clip);
}

}  // namespace

at::Tensor AddNoise(const at::Tensor& patch, double sigma, const at::Tensor& normal, bool clip) {
  return Clipped(patch + normal * sigma, BoundsOf(patch), clip);
}

at::Tensor MultiplyByNoise(const at::Tensor& patch, double sigma, const at::Tensor& normal, bool clip) {
  return Clipped(patch + patch * (normal * sigma), BoundsOf(patch), clip);
}

at::Tensor Blur(const at::Tensor& patch, double sigma, bool clip) {
  at::Tensor values = patch;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t n = patch.size(axis);
    values = AlongAxis(values, MatrixOn(DenseMatrix(Smoothing(n, sigma)), n, n, patch.device()), axis);
  }
  return Clipped(values, BoundsOf(patch), clip);
}

at::Tensor Ghost(const at::Tensor& patch, const GhostDraw& draw, bool clip) {
  return FourierAlong(patch, draw.axis, GhostingFactors(patch.size(draw.axis), draw.alpha, draw.repeats), clip);
}

at::Tensor Ring(const at::Tensor& patch, const RingDraw& draw, bool absolute, bool clip) {
  const std::int64_t size = patch.size(draw.axis);
  const std::vector<double> factors = RingingFactors(size, KeptFrequencies(draw, size, absolute), absolute);
  if (std::find(factors.begin(), factors.end(), 0.0) == factors.end()) return patch;
  return FourierAlong(patch, draw.axis, factors, clip);
}

at::Tensor LowerResolution(const at::Tensor& patch, const Shape3& coarse, bool clip) {
  at::Tensor values = patch;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t n = patch.size(axis);
    if (coarse[axis] == n) continue;
    std::vector<float> matrix(static_cast<std::size_t>(coarse[axis] * n));
    for (std::int64_t o = 0; o < coarse[axis]; ++o) matrix[o * n + NearestVoxel(o, n, coarse[axis])] = 1;
    values = AlongAxis(values, MatrixOn(matrix, coarse[axis], n, patch.device()), axis);
  }
  const Bounds inner = BoundsOf(values), outer = BoundsOf(patch);
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t n = patch.size(axis);
    if (coarse[axis] == n) continue;
    const AxisFilter filter = SplineAt(FinePlaces(n, coarse[axis]), {coarse[axis], 0, coarse[axis]}, Beyond::kEdge);
    values = AlongAxis(values, MatrixOn(DenseMatrix(filter), n, coarse[axis], patch.device()), axis);
  }
  return Clipped(Clipped(values, inner, true), outer, clip);
}

at::Tensor ShadeByBiasField(const at::Tensor& patch, const Shape3& brightest, bool clip) {
  at::Tensor loss;
  for (int axis = 0; axis < 3; ++axis) {
    std::array<std::int64_t, 3> shape{1, 1, 1};
    shape[axis] = patch.size(axis);
    const at::Tensor share = (at::arange(patch.size(axis), patch.options()) - static_cast<double>(brightest[axis])) /
                             static_cast<double>(patch.size(axis));
    const at::Tensor along = (share * share).view(shape);
    loss = axis == 0 ? along : loss + along;
  }
  return Clipped(patch * (1 - loss), BoundsOf(patch), clip);
}

at::Tensor ApplyGamma(const at::Tensor& patch, const GammaDraw& draw, double epsilon, bool clip) {
  const at::Tensor values = draw.invert ? -patch : patch;
  const Bounds bounds = BoundsOf(values);
  const at::Tensor range = bounds.maximum - bounds.minimum;
  const at::Tensor power = at::pow((values - bounds.minimum) / (range + epsilon), draw.gamma);
  const at::Tensor out = Clipped(power * range + bounds.minimum, bounds, clip);
  return draw.invert ? -out : out;
}

at::Tensor ApplyIntensity(const at::Tensor& patch, const IntensityDraw& draw, const Augmentation& augmentation,
                          const at::Tensor& additive_noise, const at::Tensor& multiplicative_noise) {
  const bool clip = augmentation.clip;
  at::Tensor out = patch;
  if (draw.additive_noise) out = AddNoise(out, *draw.additive_noise, additive_noise, clip);
  if (draw.blur) out = Blur(out, *draw.blur, clip);
  if (draw.multiplicative_noise) out = MultiplyByNoise(out, *draw.multiplicative_noise, multiplicative_noise, clip);
  if (draw.ghosting) out = Ghost(out, *draw.ghosting, clip);
  if (draw.ringing) out = Ring(out, *draw.ringing, augmentation.absolute_ringing, clip);
  if (draw.low_resolution) out = LowerResolution(out, *draw.low_resolution, clip);
  if (draw.bias_field) out = ShadeByBiasField(out, *draw.bias_field, clip);
  if (draw.gamma) out = ApplyGamma(out, *draw.gamma, augmentation.gamma_epsilon, clip);
  return out;
}

}  // namespace amaes

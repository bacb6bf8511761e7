#include "libs/transform/intensity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "libs/base/log.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/axis_matrix.h"
#include "libs/transform/kernels.h"
#include "libs/transform/noise_field.h"

namespace amaes {
namespace {

std::int64_t Size(absl::Span<const float> patch) { return static_cast<std::int64_t>(patch.size()); }

ValueRange Bounds(absl::Span<const float> patch, bool clip) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return clip ? RangeOf(patch) : ValueRange{-kInfinity, kInfinity};
}

std::int64_t Inner(const Shape3& shape, int axis) { return axis == 0 ? shape[1] * shape[2] : axis == 1 ? shape[2] : 1; }

// What is added so that no voxel is negative.
float Offset(absl::Span<const float> patch) { return std::max(0.0f, -RangeOf(patch).minimum); }

// Magnitude of the lines along `axis` after their frequencies were multiplied by `factors`, with the patch `offset` higher
// while that happens.
void FourierAlong(const Shape3& shape, int axis, const std::vector<double>& factors, bool clip,
                  absl::Span<float> patch) {
  const ValueRange bounds = Bounds(patch, clip);
  const float offset = Offset(patch);
  const Kernels& kernels = FastKernels();
  if (offset > 0) {
    for (float& value : patch) value += offset;
  }
  const Circulant circulant = FourierFactors(factors);
  const bool complex = !circulant.imaginary.values.empty();
  const std::int64_t n = shape[axis], inner = Inner(shape, axis), outer = VoxelCount(shape) / (n * inner);
  constexpr std::int64_t kBlock = 256;  // lines at once
  std::vector<float> re(static_cast<std::size_t>(n * kBlock)), im(complex ? re.size() : 0);
  const auto finish = [&](std::int64_t count, std::int64_t at, float* to) {
    kernels.magnitude(count, re.data() + at, complex ? im.data() + at : nullptr, offset, bounds.minimum, bounds.maximum,
                      to);
  };
  if (axis == 2) {
    // Lines are rows here: times the transposed matrix, which is that of -d.
    std::vector<float> real(circulant.real.values.size()), imaginary(circulant.imaginary.values.size());
    for (std::int64_t r = 0; r < n; ++r) {
      for (std::int64_t c = 0; c < n; ++c) {
        real[c * n + r] = circulant.real.values[r * n + c];
        if (complex) imaginary[c * n + r] = circulant.imaginary.values[r * n + c];
      }
    }
    for (std::int64_t line = 0; line < outer; line += kBlock) {
      const std::int64_t lines = std::min(kBlock, outer - line);
      float* const from = patch.data() + line * n;
      kernels.multiply(lines, n, n, from, n, real.data(), n, re.data(), n);
      if (complex) kernels.multiply(lines, n, n, from, n, imaginary.data(), n, im.data(), n);
      finish(lines * n, 0, from);
    }
    return;
  }
  for (std::int64_t slab = 0; slab < outer; ++slab) {
    for (std::int64_t line = 0; line < inner; line += kBlock) {
      const std::int64_t lines = std::min(kBlock, inner - line);
      float* const from = patch.data() + slab * n * inner + line;
      kernels.multiply(n, lines, n, circulant.real.values.data(), n, from, inner, re.data(), kBlock);
      if (complex) kernels.multiply(n, lines, n, circulant.imaginary.values.data(), n, from, inner, im.data(), kBlock);
      for (std::int64_t i = 0; i < n; ++i) finish(lines, i * kBlock, from + i * inner);
    }
  }
}

}  // namespace

ValueRange RangeOf(absl::Span<const float> patch) {
  ValueRange range;
  FastKernels().range(Size(patch), patch.data(), &range.minimum, &range.maximum);
  return range;
}

void AddNoise(double sigma, absl::Span<const float> normal, bool clip, absl::Span<float> patch) {
  AMAES_CHECK(normal.size() == patch.size());
  const ValueRange bounds = Bounds(patch, clip);
  FastKernels().add(Size(patch), normal.data(), static_cast<float>(sigma), bounds.minimum, bounds.maximum,
                    patch.data());
}

void MultiplyByNoise(double sigma, absl::Span<const float> normal, bool clip, absl::Span<float> patch) {
  AMAES_CHECK(normal.size() == patch.size());
  const ValueRange bounds = Bounds(patch, clip);
  FastKernels().multiply_noise(Size(patch), normal.data(), static_cast<float>(sigma), bounds.minimum, bounds.maximum,
                               patch.data());
}

// No clipping is needed: a Gaussian's weights are positive and sum to one. Rounding is clipped all the same.
void Blur(const Shape3& shape, double sigma, bool clip, absl::Span<float> patch) {
  if (static_cast<std::int64_t>(4 * sigma + 0.5) == 0) return;
  const ValueRange bounds = Bounds(patch, clip);
  const std::vector<float> smooth =
      ApplyFilters({Smoothing(shape[0], sigma), Smoothing(shape[1], sigma), Smoothing(shape[2], sigma)}, shape, patch);
  std::copy(smooth.begin(), smooth.end(), patch.begin());
  FastKernels().clamp(Size(patch), bounds.minimum, bounds.maximum, patch.data());
}

void Ghost(const Shape3& shape, const GhostDraw& draw, bool clip, absl::Span<float> patch) {
  FourierAlong(shape, draw.axis, GhostingFactors(shape[draw.axis], draw.alpha, draw.repeats), clip, patch);
}

std::int64_t KeptFrequencies(const RingDraw& draw, std::int64_t size, bool absolute) {
  if (absolute) return draw.kept;
  return std::llround(static_cast<double>(draw.kept) * static_cast<double>(size) / 128);
}

void Ring(const Shape3& shape, const RingDraw& draw, bool absolute, bool clip, absl::Span<float> patch) {
  const std::int64_t size = shape[draw.axis];
  const std::vector<double> factors = RingingFactors(size, KeptFrequencies(draw, size, absolute), absolute);
  if (std::find(factors.begin(), factors.end(), 0.0) == factors.end()) return;  // all are kept
  FourierAlong(shape, draw.axis, factors, clip, patch);
}

std::int64_t NearestVoxel(std::int64_t o, std::int64_t size, std::int64_t coarse) {
  // The quotient first, as SciPy does: what lies on a half is decided by its rounding.
  const double factor = static_cast<double>(size) / static_cast<double>(coarse);
  const double place = (static_cast<double>(o) + 0.5) * factor - 0.5;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(place + 0.5)), 0, size - 1);
}

std::vector<double> FinePlaces(std::int64_t size, std::int64_t coarse) {
  std::vector<double> places;
  for (std::int64_t o = 0; o < size; ++o) {
    places.push_back((static_cast<double>(o) + 0.5) * static_cast<double>(coarse) / static_cast<double>(size) - 0.5);
  }
  return places;
}

void LowerResolution(const Shape3& shape, const Shape3& coarse, bool clip, absl::Span<float> patch) {
  if (coarse == shape) return;
  const ValueRange bounds = Bounds(patch, clip);
  std::vector<float> values(static_cast<std::size_t>(VoxelCount(coarse))), next;
  std::vector<std::int64_t> z(static_cast<std::size_t>(coarse[2]));
  for (std::int64_t k = 0; k < coarse[2]; ++k) z[k] = NearestVoxel(k, shape[2], coarse[2]);
  float* to = values.data();
  for (std::int64_t i = 0; i < coarse[0]; ++i) {
    for (std::int64_t j = 0; j < coarse[1]; ++j) {
      const float* row =
          patch.data() +
          (NearestVoxel(i, shape[0], coarse[0]) * shape[1] + NearestVoxel(j, shape[1], coarse[1])) * shape[2];
      for (const std::int64_t k : z) *to++ = row[k];
    }
  }
  // The spline is clipped to the range of the coarse voxels, as scikit-image does.
  const ValueRange inner = RangeOf(values);
  Shape3 now = coarse;
  for (int axis = 2; axis >= 0; --axis) {
    if (now[axis] == shape[axis]) continue;
    const AxisFilter filter =
        SplineAt(FinePlaces(shape[axis], coarse[axis]), {coarse[axis], 0, coarse[axis]}, Beyond::kEdge);
    const std::int64_t after = Inner(now, axis), before = VoxelCount(now) / (now[axis] * after);
    next.resize(static_cast<std::size_t>(before * shape[axis] * after));
    ApplyFilter(filter, before, after, values, absl::MakeSpan(next));
    now[axis] = shape[axis];
    values.swap(next);
  }
  std::copy(values.begin(), values.end(), patch.begin());
  FastKernels().clamp(Size(patch), std::max(bounds.minimum, inner.minimum), std::min(bounds.maximum, inner.maximum),
                      patch.data());
}

void ShadeByBiasField(const Shape3& shape, const Shape3& brightest, bool clip, absl::Span<float> patch) {
  const ValueRange bounds = Bounds(patch, clip);
  std::array<std::vector<double>, 3> loss;
  for (int axis = 0; axis < 3; ++axis) {
    for (std::int64_t i = 0; i < shape[axis]; ++i) {
      const double share = static_cast<double>(i - brightest[axis]) / static_cast<double>(shape[axis]);
      loss[axis].push_back(share * share);
    }
  }
  const std::vector<float> along(loss[2].begin(), loss[2].end());
  const Kernels& kernels = FastKernels();
  for (std::int64_t x = 0; x < shape[0]; ++x) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      kernels.shade(shape[2], static_cast<float>(1 - loss[0][x] - loss[1][y]), along.data(), bounds.minimum,
                    bounds.maximum, patch.data() + (x * shape[1] + y) * shape[2]);
    }
  }
}

void ApplyGamma(const GammaDraw& draw, double epsilon, bool clip, absl::Span<float> patch) {
  const ValueRange own = RangeOf(patch);
  const float sign = draw.invert ? -1.0f : 1.0f;
  const float minimum = draw.invert ? -own.maximum : own.minimum;
  const float maximum = draw.invert ? -own.minimum : own.maximum;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const double range = static_cast<double>(maximum) - static_cast<double>(minimum);
  FastKernels().gamma(Size(patch), sign, static_cast<float>(1 / (range + epsilon)), static_cast<float>(draw.gamma),
                      static_cast<float>(range), minimum, clip ? minimum : -kInfinity, clip ? maximum : kInfinity,
                      patch.data());
}

void ApplyIntensity(const IntensityDraw& draw, const Augmentation& augmentation, std::uint64_t seed,
                    std::int64_t position, std::int64_t channel, const Shape3& shape, absl::Span<float> patch) {
  AMAES_CHECK(Size(patch) == VoxelCount(shape));
  const bool clip = augmentation.clip;
  std::vector<float> noise;
  const auto normal = [&](Purpose purpose) {
    noise.resize((patch.size() + 3) / 4 * 4);
    NormalField(seed, purpose, position, channel, absl::MakeSpan(noise));
    return absl::MakeConstSpan(noise).first(patch.size());
  };
  if (draw.additive_noise) AddNoise(*draw.additive_noise, normal(Purpose::kAdditiveNoise), clip, patch);
  if (draw.blur) Blur(shape, *draw.blur, clip, patch);
  if (draw.multiplicative_noise)
    MultiplyByNoise(*draw.multiplicative_noise, normal(Purpose::kMultiplicativeNoise), clip, patch);
  if (draw.ghosting) Ghost(shape, *draw.ghosting, clip, patch);
  if (draw.ringing) Ring(shape, *draw.ringing, augmentation.absolute_ringing, clip, patch);
  if (draw.low_resolution) LowerResolution(shape, *draw.low_resolution, clip, patch);
  if (draw.bias_field) ShadeByBiasField(shape, *draw.bias_field, clip, patch);
  if (draw.gamma) ApplyGamma(*draw.gamma, augmentation.gamma_epsilon, clip, patch);
}

}  // namespace amaes

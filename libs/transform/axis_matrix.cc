#include "libs/transform/axis_matrix.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "libs/base/log.h"
#include "libs/transform/kernels.h"

namespace amaes {

Circulant FourierFactors(const std::vector<double>& factors) {
  const auto n = static_cast<std::int64_t>(factors.size());
  bool even = true;
  for (std::int64_t k = 1; k < n; ++k) even = even && factors[k] == factors[n - k];
  std::vector<double> cosine(factors.size()), sine(factors.size());
  for (std::int64_t i = 0; i < n; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n);
    cosine[i] = std::cos(angle);
    sine[i] = std::sin(angle);
  }
  Circulant out;
  out.real = {n, n, std::vector<float>(static_cast<std::size_t>(n * n))};
  out.imaginary = {n, n, std::vector<float>(static_cast<std::size_t>(even ? 0 : n * n))};
  for (std::int64_t d = 0; d < n; ++d) {
    double re = 0, im = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      re += factors[k] * cosine[k * d % n];
      im += factors[k] * sine[k * d % n];
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t at = i * n + (i - d + n) % n;
      out.real.values[at] = static_cast<float>(re / static_cast<double>(n));
      if (!even) out.imaginary.values[at] = static_cast<float>(im / static_cast<double>(n));
    }
  }
  return out;
}

std::vector<double> GhostingFactors(std::int64_t size, double alpha, int repeats) {
  std::vector<double> factors(static_cast<std::size_t>(size), 1.0);
  for (std::int64_t k = 0; k < size - 1; k += repeats) factors[k] = alpha;
  return factors;
}

std::vector<double> RingingFactors(std::int64_t size, std::int64_t kept, bool wrap) {
  const std::int64_t middle = (size + 1) / 2, half = (kept + 1) / 2;
  std::int64_t low = middle - half;
  if (low < 0) low = wrap ? std::max<std::int64_t>(0, size + low) : 0;
  const std::int64_t high = middle + half;
  std::vector<double> factors(static_cast<std::size_t>(size));
  for (std::int64_t shifted = 0; shifted < size; ++shifted) {
    factors[(shifted - size / 2 + size) % size] = shifted >= low && shifted < high ? 1.0 : 0.0;
  }
  return factors;
}

AxisMatrix GaussianAt(std::int64_t size, double sigma, double first, double spacing, std::int64_t count) {
  const auto radius = static_cast<std::int64_t>(4 * sigma + 0.5);
  double sum = 0;
  for (std::int64_t d = -radius; d <= radius; ++d) sum += std::exp(-0.5 * static_cast<double>(d * d) / (sigma * sigma));
  AxisMatrix out{size, count, std::vector<float>(static_cast<std::size_t>(size * count))};
  for (std::int64_t o = 0; o < count; ++o) {
    const double place = first + spacing * static_cast<double>(o);
    for (std::int64_t i = 0; i < size; ++i) {
      const double d = place - static_cast<double>(i);
      if (std::abs(d) > static_cast<double>(radius)) continue;
      out.values[o * size + i] = static_cast<float>(std::exp(-0.5 * d * d / (sigma * sigma)) / sum);
    }
  }
  return out;
}

void ApplyMatrix(const AxisMatrix& matrix, std::int64_t outer, std::int64_t inner, absl::Span<const float> in,
                 absl::Span<float> out) {
  AMAES_CHECK(static_cast<std::int64_t>(in.size()) == outer * matrix.in * inner);
  AMAES_CHECK(static_cast<std::int64_t>(out.size()) == outer * matrix.out * inner);
  const Kernels& kernels = FastKernels();
  if (inner > 1) {
    for (std::int64_t i = 0; i < outer; ++i) {
      kernels.multiply(matrix.out, inner, matrix.in, matrix.values.data(), matrix.in, in.data() + i * matrix.in * inner,
                       inner, out.data() + i * matrix.out * inner, inner);
    }
    return;
  }
  std::vector<float> transposed(matrix.values.size());
  for (std::int64_t r = 0; r < matrix.out; ++r) {
    for (std::int64_t c = 0; c < matrix.in; ++c) transposed[c * matrix.out + r] = matrix.values[r * matrix.in + c];
  }
  kernels.multiply(outer, matrix.out, matrix.in, in.data(), matrix.in, transposed.data(), matrix.out, out.data(),
                   matrix.out);
}

}  // namespace amaes

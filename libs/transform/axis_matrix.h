// Linear work along one axis where every output rests on every sample: products with a small matrix.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace amaes {

struct AxisMatrix {
  std::int64_t in = 0, out = 0;
  std::vector<float> values;  // [out, in], row-major
};

// What multiplying the discrete Fourier transform of a line with `factors` (one per frequency, unshifted) does to the line.
struct Circulant {
  AxisMatrix real;
  AxisMatrix imaginary;  // without values where it vanishes: factors the same at k and -k
};
Circulant FourierFactors(const std::vector<double>& factors);

// Motion ghosting: frequencies 0, repeats, 2 repeats, … but the last one times alpha.
std::vector<double> GhostingFactors(std::int64_t size, double alpha, int repeats);
// Gibbs ringing: of the shifted frequencies those in [ceil(n / 2) - ceil(kept / 2), ceil(n / 2) + ceil(kept / 2)) stay.
// `kept` may exceed the size: then all stay, or with `wrap` what is left by a negative index counting from the end.
std::vector<double> RingingFactors(std::int64_t size, std::int64_t kept, bool wrap);

// A Gaussian cut at radius int(4 sigma + 0.5), zero beyond the ends, at the places first, first + spacing, … (`count`).
AxisMatrix GaussianAt(std::int64_t size, double sigma, double first, double spacing, std::int64_t count);

// The middle axis of an array (outer, matrix.in, inner) → (outer, matrix.out, inner), C order. `out` must not overlap `in`.
void ApplyMatrix(const AxisMatrix& matrix, std::int64_t outer, std::int64_t inner, absl::Span<const float> in,
                 absl::Span<float> out);

}  // namespace amaes

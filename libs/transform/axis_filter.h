// Linear work along one axis of an array where every output rests on a few neighbours: splines, smoothing. Planned once in
// double, then run over all lines; the tensor path runs the same plan as a matrix.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

// What a line shows before its first and behind its last sample.
enum class Beyond {
  kMirror,   // d c b | a b c d | c b a
  kReflect,  // d c b a | a b c d | d c b a
  kEdge,     // a a a | a b c d | d d d
};

// Output o = sum over t of weights[o * taps + t] * in[source[start[o] + t]].
struct AxisFilter {
  std::int64_t in = 0, out = 0, taps = 0;
  std::vector<std::int32_t> source;  // per place of the continued line: the sample that it shows
  std::vector<std::int32_t> start;   // per output, into `source`
  std::vector<float> weights;
  bool spline =
      false;  // `in` above are the coefficients of the cubic spline through the continued line, not its samples
};

// A part [begin, begin + count) of a line of `size` samples: what was read of it.
struct LinePart {
  std::int64_t size = 0, begin = 0, count = 0;
};

// Samples that a spline's coefficients reach to either side: the filter's pole to that power is 1e-7. A spline's line is
// continued by so many places at either end that no output may start on.
inline constexpr std::int64_t kSplineReach = 12;

// The cubic B-spline through the samples, at the given places (in samples of the whole line; each in [0, size - 1] unless
// `beyond` is kEdge). The part must hold kSplineReach + 2 samples around each place, or all there are.
AxisFilter SplineAt(const std::vector<double>& places, const LinePart& part, Beyond beyond);
// Its coefficients at first, first + 1, …, also beyond the ends (mirrored).
AxisFilter SplineCoefficients(std::int64_t first, std::int64_t count, const LinePart& part);
// A Gaussian cut at radius int(4 sigma + 0.5), reflected ends.
AxisFilter Smoothing(std::int64_t size, double sigma);
// Samples that lie `spacing` apart, the first at place `first`, at 0, 1, …, count - 1: through the eight nearest samples a
// polynomial (Lagrange). All places must have four samples on either side.
AxisFilter Refinement(std::int64_t samples, double first, double spacing, std::int64_t count);

// The middle axis of an array (outer, filter.in, inner) → (outer, filter.out, inner), C order. `out` may be `in` if outer is
// 1, and must not overlap it otherwise.
void ApplyFilter(const AxisFilter& filter, std::int64_t outer, std::int64_t inner, absl::Span<const float> in,
                 absl::Span<float> out);
// filters[i] along axis i of an array of `shape`: an array of their outputs.
std::vector<float> ApplyFilters(const std::array<AxisFilter, 3>& filters, const Shape3& shape,
                                absl::Span<const float> in);

// The same as a matrix [out, in], row-major.
std::vector<float> DenseMatrix(const AxisFilter& filter);

}  // namespace amaes

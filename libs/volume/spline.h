// Cubic B-splines along one axis of an array: the work behind resampling.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace amaes {

// What lies beyond the first and the last sample.
enum class SplineBorder {
  kMirror,  // the samples again, about the centre of the outermost one
  kEdge,    // the outermost sample, for ever
};

// What is done along one axis of `in` samples that becomes `out` samples, worked out once and shared by all lines.
// Output o lies at input (o + 0.5) * in / out - 0.5.
struct SplinePlan {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t pad = 0;                           // samples that continue a line at each end
  std::vector<float> gauss;                       // weights 0 … radius; empty: no smoothing
  std::vector<std::array<std::int32_t, 4>> taps;  // per output: four indices into the padded line
  std::vector<std::array<float, 4>> weights;      // per output: their weights
};

// `anti_alias`: a Gaussian of sigma = max(0, (in / out - 1) / 2), cut at 4 sigma, runs first; with kMirror only.
SplinePlan PlanSpline(std::int64_t in, std::int64_t out, SplineBorder border, bool anti_alias);

// The middle axis of an array (outer, plan.in, inner) → (outer, plan.out, inner), C order. Uses up to `threads` threads;
// the result does not depend on how many.
std::vector<float> SplineAxis(const std::vector<float>& in, const SplinePlan& plan, std::int64_t outer,
                              std::int64_t inner, int threads);

}  // namespace amaes

// What one pass over the voxels tells.
#pragma once

#include <cstdint>

#include "absl/types/span.h"

namespace amaes {

struct Extent {
  float low = 0;  // of the finite values; low > high if there is none
  float high = 0;
  std::int64_t nonfinite = 0;  // NaN or infinite
};

Extent MeasureExtent(absl::Span<const float> values);

struct Moments {
  double mean = 0;
  double standard_deviation = 0;  // of the population
};

// Two passes in double precision. `values` is not empty.
Moments MeasureMoments(absl::Span<const float> values);

// The q-quantile (0 … 1, linear interpolation) of those `values` that are not `left_out`, the lowest of them and their
// number. All values are finite and within `extent`. Without any, count is 0.
struct Quantile {
  double value = 0;
  float lowest = 0;
  std::int64_t count = 0;
};
Quantile MeasureQuantile(absl::Span<const float> values, const Extent& extent, float left_out, double q);

}  // namespace amaes

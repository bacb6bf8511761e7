// The inner loops of the transforms. Compiled twice, for any x86-64 and for AVX2 with FMA; which one runs is chosen once.
// No allocation, no standard library in them: pointers and lengths only.
#pragma once

#include <cstdint>

namespace amaes {

// An AxisFilter (libs/transform/axis_filter.h) as pointers.
struct FilterPlan {
  std::int64_t in = 0, out = 0, taps = 0, places = 0;
  const std::int32_t* source = nullptr;  // [places]
  const std::int32_t* start = nullptr;   // [out]
  const float* weights = nullptr;        // [out, taps]
  bool spline = false;                   // the taps are of the coefficients of the spline through the places
};
// Lines that a filter works on side by side.
inline constexpr std::int64_t kFilterLanes = 32;
inline std::int64_t FilterScratch(const FilterPlan& plan) {
  return (plan.places + plan.in + plan.out + 8) * kFilterLanes;
}

struct Kernels {
  const char* name;

  // C[m x n] = A[m x k] B[k x n], row-major with row lengths lda, ldb, ldc.
  void (*multiply)(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda, const float* b,
                   std::int64_t ldb, float* c, std::int64_t ldc);

  // The middle axis of (outer, plan.in, inner) → (outer, plan.out, inner). In place only if outer is 1. `scratch` has
  // FilterScratch(plan) floats.
  void (*filter)(const FilterPlan& plan, std::int64_t outer, std::int64_t inner, const float* in, float* out,
                 float* scratch);

  // A tensor-product spline of order 3 at `count` places, given as doubles in voxels from the coefficient at 1, 1, 1.
  // Coefficients (z fastest): y_stride floats from one y to the next, x_stride from one x to the next. A place outside
  // [low, high] along any axis gives `fill`; every other one is clamped to [minimum, maximum].
  void (*sample_cubic)(std::int64_t count, const double* x, const double* y, const double* z, const float* coefficients,
                       std::int64_t x_stride, std::int64_t y_stride, const double low[3], const double high[3],
                       float fill, float minimum, float maximum, float* out);

  void (*range)(std::int64_t count, const float* values, float* minimum, float* maximum);
  void (*clamp)(std::int64_t count, float minimum, float maximum, float* values);
  // clamp(value + sigma * noise), clamp(value + value * sigma * noise)
  void (*add)(std::int64_t count, const float* noise, float sigma, float minimum, float maximum, float* values);
  void (*multiply_noise)(std::int64_t count, const float* noise, float sigma, float minimum, float maximum,
                         float* values);
  // clamp(value * (factor - along[i]))
  void (*shade)(std::int64_t count, float factor, const float* along, float minimum, float maximum, float* values);
  // clamp(|re + i im| - offset); im may be null.
  void (*magnitude)(std::int64_t count, const float* re, const float* im, float offset, float minimum, float maximum,
                    float* out);
  // sign * clamp(((sign * value - minimum) * scale)^gamma * range + minimum)
  void (*gamma)(std::int64_t count, float sign, float scale, float gamma, float range, float minimum, float low,
                float high, float* values);

  // Words `first` … of the stream (key, purpose, position) of libs/base/rng.h, first a multiple of 4: as uniform numbers in
  // [-1, 1), and as normal ones (Box-Muller on pairs of words; count even).
  void (*uniform)(std::uint64_t seed, std::uint32_t purpose, std::uint64_t position, std::uint64_t first,
                  std::int64_t count, float* out);
  void (*normal)(std::uint64_t seed, std::uint32_t purpose, std::uint64_t position, std::uint64_t first,
                 std::int64_t count, float* out);
};

const Kernels& BaselineKernels();
// The best ones that this processor runs.
const Kernels& FastKernels();

}  // namespace amaes

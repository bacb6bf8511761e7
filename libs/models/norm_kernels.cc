#include "libs/models/norm_kernels.h"

#include <algorithm>

// One machine code per generation of processors, chosen when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define AMAES_INTERNAL_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define AMAES_INTERNAL_CLONES
#endif
#define AMAES_INTERNAL_INLINE inline __attribute__((always_inline))

namespace amaes {
namespace {

// Channels that are worked on at once: so many that a compiler knows their number and keeps their coefficients in registers.
constexpr std::int64_t kStrip = 16;
// Voxels whose sums are taken in T before they are added up in double: none where there are few, for a norm over few voxels
// amplifies what is rounded.
AMAES_INTERNAL_INLINE std::int64_t RunOf(std::int64_t voxels) { return voxels <= 512 ? 1 : 16; }

// Coefficients of a strip, apart from memory that answers are written to.
template <typename T>
struct Strip {
  AMAES_INTERNAL_INLINE Strip(const T* from, std::int64_t begin, std::int64_t count) {
    for (std::int64_t c = 0; c < count; ++c) values[c] = from[begin + c];
  }
  AMAES_INTERNAL_INLINE T operator[](std::int64_t c) const { return values[c]; }
  T values[kStrip] = {};
};

template <typename T, std::int64_t kCount>
AMAES_INTERNAL_INLINE void Moments(const T* __restrict x, std::int64_t voxels, std::int64_t channels,
                                   std::int64_t begin, std::int64_t rest, const T* origins, double* sum,
                                   double* squares) {
  const std::int64_t count = kCount > 0 ? kCount : rest;
  const Strip<T> origin(origins, begin, count);
  const std::int64_t run = RunOf(voxels);
  for (std::int64_t first = 0; first < voxels; first += run) {
    T part[kStrip] = {}, part_squares[kStrip] = {};
    const std::int64_t last = std::min(voxels, first + run);
    for (std::int64_t v = first; v < last; ++v) {
      const T* row = x + v * channels + begin;
      for (std::int64_t c = 0; c < count; ++c) {
        const T value = row[c] - origin[c];
        part[c] += value;
        part_squares[c] += value * value;
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      sum[begin + c] += static_cast<double>(part[c]);
      squares[begin + c] += static_cast<double>(part_squares[c]);
    }
  }
}

template <typename T, bool kResidual, std::int64_t kCount>
AMAES_INTERNAL_INLINE void Apply(const T* __restrict x, const T* __restrict residual, std::int64_t voxels,
                                 std::int64_t channels, std::int64_t begin, std::int64_t rest,
                                 const NormForward<T>& norm, T* __restrict y) {
  const std::int64_t count = kCount > 0 ? kCount : rest;
  const Strip<T> centre(norm.centre, begin, count), scale(norm.scale, begin, count), shift(norm.shift, begin, count);
  const T slope = norm.slope;
  for (std::int64_t v = 0; v < voxels; ++v) {
    const std::int64_t row = v * channels + begin;
    T answers[kStrip];
    for (std::int64_t c = 0; c < count; ++c) {
      T z = (x[row + c] - centre[c]) * scale[c] + shift[c];
      if (kResidual) z += residual[row + c];
      answers[c] = z * (z > 0 ? T(1) : slope);
    }
    for (std::int64_t c = 0; c < count; ++c) y[row + c] = answers[c];
  }
}

// What tells on which side of zero z was.
enum class Gate { kOpen, kInput, kOutput };

template <Gate kGate, typename T>
AMAES_INTERNAL_INLINE T Gated(T centred, const T* __restrict y, std::int64_t place, T dy, T scale, T shift, T slope) {
  if (kGate == Gate::kOpen) return dy;
  const bool positive = kGate == Gate::kInput ? centred * scale + shift > 0 : y[place] > 0;
  return dy * (positive ? T(1) : slope);
}

template <typename T, Gate kGate, std::int64_t kCount>
AMAES_INTERNAL_INLINE void Gradients(const T* __restrict x, const T* __restrict y, const T* __restrict dy,
                                     std::int64_t voxels, std::int64_t channels, std::int64_t begin, std::int64_t rest,
                                     const NormBackward<T>& norm, double* sum, double* products) {
  const std::int64_t count = kCount > 0 ? kCount : rest;
  const Strip<T> scale(norm.forward.scale, begin, count), shift(norm.forward.shift, begin, count),
      centre(norm.forward.centre, begin, count);
  const T slope = norm.forward.slope;
  const std::int64_t run = RunOf(voxels);
  for (std::int64_t first = 0; first < voxels; first += run) {
    T part[kStrip] = {}, part_products[kStrip] = {};
    const std::int64_t last = std::min(voxels, first + run);
    for (std::int64_t v = first; v < last; ++v) {
      const std::int64_t row = v * channels + begin;
      for (std::int64_t c = 0; c < count; ++c) {
        const T centred = x[row + c] - centre[c];
        const T g = Gated<kGate>(centred, y, row + c, dy[row + c], scale[c], shift[c], slope);
        part[c] += g;
        part_products[c] += g * centred;
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      sum[begin + c] += static_cast<double>(part[c]);
      products[begin + c] += static_cast<double>(part_products[c]);
    }
  }
}

template <typename T, Gate kGate, std::int64_t kCount>
AMAES_INTERNAL_INLINE void ApplyGradients(const T* __restrict x, const T* __restrict y, const T* __restrict dy,
                                          std::int64_t voxels, std::int64_t channels, std::int64_t begin,
                                          std::int64_t rest, const NormBackward<T>& norm, T* __restrict dx,
                                          T* __restrict dresidual) {
  const std::int64_t count = kCount > 0 ? kCount : rest;
  const Strip<T> scale(norm.forward.scale, begin, count), shift(norm.forward.shift, begin, count);
  const Strip<T> centre(norm.forward.centre, begin, count), slant(norm.slant, begin, count),
      offset(norm.offset, begin, count);
  const T slope = norm.forward.slope;
  for (std::int64_t v = 0; v < voxels; ++v) {
    const std::int64_t row = v * channels + begin;
    T answers[kStrip], passed[kStrip];
    for (std::int64_t c = 0; c < count; ++c) {
      const T centred = x[row + c] - centre[c];
      passed[c] = Gated<kGate>(centred, y, row + c, dy[row + c], scale[c], shift[c], slope);
      answers[c] = scale[c] * passed[c] + slant[c] * centred + offset[c];
    }
    for (std::int64_t c = 0; c < count; ++c) dx[row + c] = answers[c];
    if (kGate != Gate::kOutput) continue;
    for (std::int64_t c = 0; c < count; ++c) dresidual[row + c] = passed[c];
  }
}

// Strip by strip; the last one may be narrower.
#define AMAES_INTERNAL_STRIPS(channels, whole, narrow)                \
  for (std::int64_t begin = 0; begin < (channels); begin += kStrip) { \
    const std::int64_t rest = std::min(kStrip, (channels)-begin);     \
    if (rest == kStrip) {                                             \
      whole;                                                          \
    } else {                                                          \
      narrow;                                                         \
    }                                                                 \
  }

// target_clones takes no templates: a function for each type.
#define AMAES_INTERNAL_FUNCTIONS(T)                                                                                   \
  AMAES_INTERNAL_CLONES void MomentsOf(const T* x, std::int64_t v, std::int64_t c, const T* o, double* s, double* q){ \
      AMAES_INTERNAL_STRIPS(c, (Moments<T, kStrip>(x, v, c, begin, rest, o, s, q)),                                   \
                            (Moments<T, 0>(x, v, c, begin, rest, o, s, q)))} AMAES_INTERNAL_CLONES void               \
  ApplyOf(const T* x, const T* r, std::int64_t v, std::int64_t c, const NormForward<T>& n, T* y) {                    \
    if (r == nullptr) {                                                                                               \
      AMAES_INTERNAL_STRIPS(c, (Apply<T, false, kStrip>(x, r, v, c, begin, rest, n, y)),                              \
                            (Apply<T, false, 0>(x, r, v, c, begin, rest, n, y)))                                      \
    } else {                                                                                                          \
      AMAES_INTERNAL_STRIPS(c, (Apply<T, true, kStrip>(x, r, v, c, begin, rest, n, y)),                               \
                            (Apply<T, true, 0>(x, r, v, c, begin, rest, n, y)))                                       \
    }                                                                                                                 \
  }                                                                                                                   \
  AMAES_INTERNAL_CLONES void GradientsOf(const T* x, const T* y, const T* dy, std::int64_t v, std::int64_t c,         \
                                         const NormBackward<T>& n, double* s, double* p) {                            \
    if (y != nullptr) {                                                                                               \
      AMAES_INTERNAL_STRIPS(c, (Gradients<T, Gate::kOutput, kStrip>(x, y, dy, v, c, begin, rest, n, s, p)),           \
                            (Gradients<T, Gate::kOutput, 0>(x, y, dy, v, c, begin, rest, n, s, p)))                   \
    } else if (n.forward.slope == 1) {                                                                                \
      AMAES_INTERNAL_STRIPS(c, (Gradients<T, Gate::kOpen, kStrip>(x, y, dy, v, c, begin, rest, n, s, p)),             \
                            (Gradients<T, Gate::kOpen, 0>(x, y, dy, v, c, begin, rest, n, s, p)))                     \
    } else {                                                                                                          \
      AMAES_INTERNAL_STRIPS(c, (Gradients<T, Gate::kInput, kStrip>(x, y, dy, v, c, begin, rest, n, s, p)),            \
                            (Gradients<T, Gate::kInput, 0>(x, y, dy, v, c, begin, rest, n, s, p)))                    \
    }                                                                                                                 \
  }                                                                                                                   \
  AMAES_INTERNAL_CLONES void ApplyGradientsOf(const T* x, const T* y, const T* dy, std::int64_t v, std::int64_t c,    \
                                              const NormBackward<T>& n, T* dx, T* dr) {                               \
    if (y != nullptr) {                                                                                               \
      AMAES_INTERNAL_STRIPS(c, (ApplyGradients<T, Gate::kOutput, kStrip>(x, y, dy, v, c, begin, rest, n, dx, dr)),    \
                            (ApplyGradients<T, Gate::kOutput, 0>(x, y, dy, v, c, begin, rest, n, dx, dr)))            \
    } else if (n.forward.slope == 1) {                                                                                \
      AMAES_INTERNAL_STRIPS(c, (ApplyGradients<T, Gate::kOpen, kStrip>(x, y, dy, v, c, begin, rest, n, dx, dr)),      \
                            (ApplyGradients<T, Gate::kOpen, 0>(x, y, dy, v, c, begin, rest, n, dx, dr)))              \
    } else {                                                                                                          \
      AMAES_INTERNAL_STRIPS(c, (ApplyGradients<T, Gate::kInput, kStrip>(x, y, dy, v, c, begin, rest, n, dx, dr)),     \
                            (ApplyGradients<T, Gate::kInput, 0>(x, y, dy, v, c, begin, rest, n, dx, dr)))             \
    }                                                                                                                 \
  }
AMAES_INTERNAL_FUNCTIONS(float)
AMAES_INTERNAL_FUNCTIONS(double)
#undef AMAES_INTERNAL_FUNCTIONS
#undef AMAES_INTERNAL_STRIPS

}  // namespace

template <typename T>
void AddMoments(const T* x, std::int64_t voxels, std::int64_t channels, const T* origin, double* sum, double* squares) {
  MomentsOf(x, voxels, channels, origin, sum, squares);
}
template <typename T>
void ApplyNorm(const T* x, const T* residual, std::int64_t voxels, std::int64_t channels, const NormForward<T>& norm,
               T* y) {
  ApplyOf(x, residual, voxels, channels, norm, y);
}
template <typename T>
void AddNormGradients(const T* x, const T* y, const T* dy, std::int64_t voxels, std::int64_t channels,
                      const NormBackward<T>& norm, double* sum, double* products) {
  GradientsOf(x, y, dy, voxels, channels, norm, sum, products);
}
template <typename T>
void ApplyNormGradients(const T* x, const T* y, const T* dy, std::int64_t voxels, std::int64_t channels,
                        const NormBackward<T>& norm, T* dx, T* dresidual) {
  ApplyGradientsOf(x, y, dy, voxels, channels, norm, dx, dresidual);
}

#define AMAES_INTERNAL_INSTANCES(T)                                                                                   \
  template void AddMoments<T>(const T*, std::int64_t, std::int64_t, const T*, double*, double*);                      \
  template void ApplyNorm<T>(const T*, const T*, std::int64_t, std::int64_t, const NormForward<T>&, T*);              \
  template void AddNormGradients<T>(const T*, const T*, const T*, std::int64_t, std::int64_t, const NormBackward<T>&, \
                                    double*, double*);                                                                \
  template void ApplyNormGradients<T>(const T*, const T*, const T*, std::int64_t, std::int64_t,                       \
                                      const NormBackward<T>&, T*, T*);
AMAES_INTERNAL_INSTANCES(float)
AMAES_INTERNAL_INSTANCES(double)
#undef AMAES_INTERNAL_INSTANCES

}  // namespace amaes

// Instance norm with LeakyReLU on plain numbers: two passes forward, two backward, one of them over what the cache still holds.
// No tensor library here.
#pragma once

#include <cstdint>

namespace amaes {

// `voxels` × `channels` values of one sample, channels fastest (NDHWC). T: float or double. Sums are taken over blocks of fixed
// size in a fixed order, so that results depend neither on threads nor on how a caller divides the voxels into whole blocks.
inline constexpr std::int64_t kNormBlock = 1024;  // voxels

// sum[c] += Σ (x - origin[c]), squares[c] += Σ (x - origin[c])², over voxels.
template <typename T>
void AddMoments(const T* x, std::int64_t voxels, std::int64_t channels, const T* origin, double* sum, double* squares);

// How values become answers: z = (x - centre[c]) · scale[c] + shift[c] (+ residual), y = z > 0 ? z : slope · z. slope = 1: y = z.
// `centre` is the mean as T holds it: a mean that lay in `shift` would be rounded on the scale of the mean, not of the answers.
template <typename T>
struct NormForward {
  const T* centre;
  const T* scale;
  const T* shift;
  T slope;
};
// `residual` may be null.
template <typename T>
void ApplyNorm(const T* x, const T* residual, std::int64_t voxels, std::int64_t channels, const NormForward<T>& norm,
               T* y);

// The way back: g = z > 0 ? dy : slope · dy.
template <typename T>
struct NormBackward {
  NormForward<T> forward;
  const T* slant;  // ApplyNormGradients only, as `offset`
  const T* offset;
};
// sum[c] += Σ g, products[c] += Σ g · (x - centre[c]). `y`: with a residual the answers, which have the sign of z; else null.
template <typename T>
void AddNormGradients(const T* x, const T* y, const T* dy, std::int64_t voxels, std::int64_t channels,
                      const NormBackward<T>& norm, double* sum, double* products);
// dx = scale[c] · g + slant[c] · (x - centre[c]) + offset[c]; dresidual = g, unless null.
template <typename T>
void ApplyNormGradients(const T* x, const T* y, const T* dy, std::int64_t voxels, std::int64_t channels,
                        const NormBackward<T>& norm, T* dx, T* dresidual);

}  // namespace amaes

// The eight intensity transforms, in place on one channel of a patch (z fastest). Each clips to the range of what it was
// given, unless told not to. Pure: noise is an argument.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "libs/draws/augment_draws.h"
#include "libs/volume/volume.h"

namespace amaes {

// Where a transform may take a patch: its own range, or anywhere.
struct ValueRange {
  float minimum = 0, maximum = 0;
};
ValueRange RangeOf(absl::Span<const float> patch);

void AddNoise(double sigma, absl::Span<const float> normal, bool clip, absl::Span<float> patch);
void MultiplyByNoise(double sigma, absl::Span<const float> normal, bool clip, absl::Span<float> patch);
void Blur(const Shape3& shape, double sigma, bool clip, absl::Span<float> patch);
void Ghost(const Shape3& shape, const GhostDraw& draw, bool clip, absl::Span<float> patch);
void Ring(const Shape3& shape, const RingDraw& draw, bool absolute, bool clip, absl::Span<float> patch);
// To `coarse` by the nearest voxel and back by a spline.
void LowerResolution(const Shape3& shape, const Shape3& coarse, bool clip, absl::Span<float> patch);
void ShadeByBiasField(const Shape3& shape, const Shape3& brightest, bool clip, absl::Span<float> patch);
void ApplyGamma(const GammaDraw& draw, double epsilon, bool clip, absl::Span<float> patch);

// Frequencies that ringing keeps along an axis of `size`: draw.kept, or the same share of them as at 128.
std::int64_t KeptFrequencies(const RingDraw& draw, std::int64_t size, bool absolute);
// The voxel of `size` that place `o` of `coarse` shows: nearest to (o + 0.5) * (size / coarse) - 0.5, halves upwards.
std::int64_t NearestVoxel(std::int64_t o, std::int64_t size, std::int64_t coarse);
// And back: where each of `size` voxels lies among those of `coarse`.
std::vector<double> FinePlaces(std::int64_t size, std::int64_t coarse);

// All that `draw` names, in order, on channel `channel` of a sample. Noise of (seed, position), field = channel.
void ApplyIntensity(const IntensityDraw& draw, const Augmentation& augmentation, std::uint64_t seed,
                    std::int64_t position, std::int64_t channel, const Shape3& shape, absl::Span<float> patch);

}  // namespace amaes

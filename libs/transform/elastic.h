// The displacement of the elastic transform: smoothed noise.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/axis_matrix.h"
#include "libs/volume/volume.h"

namespace amaes {

// How one axis is smoothed. The Gaussian is so wide that its values some voxels apart hold it all: they are worked out
// exactly, and the rest is put through them.
struct ElasticAxis {
  AxisMatrix smooth;  // voxels → places
  AxisFilter refine;  // places → voxels; without outputs where the places are the voxels
};
// Along x, y (coarse) and z (every voxel); alpha is in the first.
std::array<ElasticAxis, 3> PlanElastic(const Shape3& patch, double alpha, double sigma);

// One component: alpha times the noise under a Gaussian of sigma voxels, cut at 4 sigma, zero beyond the patch.
void ElasticComponent(const Shape3& patch, const std::array<ElasticAxis, 3>& axes, absl::Span<const float> noise,
                      absl::Span<float> out);

// All three, [3][voxels], from the noise of (seed, kElasticNoise, position), field = component.
std::vector<float> ElasticDisplacement(std::uint64_t seed, std::int64_t position, const Shape3& patch, double alpha,
                                       double sigma);

}  // namespace amaes

// How far the surfaces of two shapes lie apart. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

// A shape's surface: its voxels that have a face towards a voxel outside it; what lies beyond the volume is outside. From
// each surface voxel the distance to the nearest surface voxel of the other shape is taken, in millimetres, centre to
// centre. One shape is empty: infinite. Both are: NaN.
struct SurfaceScores {
  double hausdorff_95 = 0;  // the larger of the two directions' 95th percentiles, linear between neighbours
  double hausdorff = 0;     // the largest distance
  double average = 0;       // mean over the surface voxels of both
};

// `truth` and `prediction`: != 0 is inside; VoxelCount(shape) each, z fastest. `spacing` in millimetres, positive.
SurfaceScores MeasureSurfaces(absl::Span<const std::uint8_t> truth, absl::Span<const std::uint8_t> prediction,
                              const Shape3& shape, const std::array<double, 3>& spacing);

}  // namespace amaes

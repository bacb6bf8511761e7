// Exact Euclidean distances on an anisotropic grid (Felzenszwalb and Huttenlocher, "Distance transforms of sampled
// functions", 2012): three passes of lower envelopes of parabolas, linear in the voxels. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

// Of every voxel the squared distance, in square millimetres, to the centre of the nearest voxel with `seeds` != 0;
// infinite where there is none. z fastest. `spacing` in millimetres, positive.
std::vector<double> SquaredDistances(absl::Span<const std::uint8_t> seeds, const Shape3& shape,
                                     const std::array<double, 3>& spacing);

}  // namespace amaes

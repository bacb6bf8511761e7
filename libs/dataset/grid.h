// How the grids of stored volumes lie to each other. Pure.
#pragma once

#include <array>

#include "absl/status/statusor.h"
#include "libs/volume/volume.h"

namespace amaes {

using Affine = std::array<double, 16>;  // as Volume::affine

// Grids count as one when their voxels meet to a tenth of a voxel.
inline constexpr double kGridTolerance = 0.1;

// The voxel of grid `other` that lies where voxel (0, 0, 0) of `grid` does, when both are one grid up to whole voxels over
// all of `shape`: crop boxes begin elsewhere. It may lie outside `other`.
//   - FailedPrecondition: they are not; the message begins "their grids …" and has the largest distance in voxels.
//   - InvalidArgument: an affine that is no grid.
absl::StatusOr<Shape3> GridOffset(const Affine& grid, const Shape3& shape, const Affine& other);

}  // namespace amaes

// Separable cubic B-spline resampling, as scikit-image 0.24 does it: resize(order=3, mode="reflect",
// anti_aliasing=None, clip=True, preserve_range=True), which rests on scipy.ndimage.zoom(grid_mode=True,
// mode="mirror").
#pragma once

#include "absl/status/statusor.h"
#include "libs/volume/volume.h"

namespace amaes {

// Brings `volume` to `shape`. Voxel corners coincide (grid mode): output o lies at input (o + 0.5) * factor - 0.5,
// factor = input size / output size. Borders are mirrored about the centre of the outermost voxel. When any axis
// shrinks, a Gaussian of sigma = max(0, (factor - 1) / 2) voxels, cut at 4 sigma, runs along each axis first. The
// result is clipped to the input's range; spacing and affine follow. Uses up to `threads` threads; the result does not
// depend on how many.
//   - InvalidArgument: an empty volume or shape.
absl::StatusOr<Volume> Resample(const Volume& volume, const Shape3& shape, int threads = 1);

// For label maps: every output voxel takes the value of the input voxel that its centre lies in (of the upper one where
// it lies between two). Chosen over a linear interpolation per label: that is what the reference does with labels, it
// keeps structures that are thinner than a voxel of either grid about as often as they are there, its cost does not grow with
// the number of labels, and soft labels (probabilities) survive.
//   - InvalidArgument: as Resample.
absl::StatusOr<Volume> ResampleNearest(const Volume& volume, const Shape3& shape);

}  // namespace amaes

// Resampling a volume to another number of voxels. Voxel corners coincide (grid mode): output o lies at input
// (o + 0.5) * factor - 0.5, factor = input size / output size. Spacing and affine follow. The results do not depend on
// the number of threads.
#pragma once

#include <array>

#include "absl/status/statusor.h"
#include "libs/volume/volume.h"

namespace amaes {

// Separable cubic B-splines as scikit-image 0.24 does it: resize(order=3, mode="reflect", anti_aliasing=None, clip=True,
// preserve_range=True), which rests on scipy.ndimage.zoom(grid_mode=True, mode="mirror"). Borders are mirrored about the
// centre of the outermost voxel. When any axis shrinks, a Gaussian of sigma = max(0, (factor - 1) / 2) voxels, cut at 4
// sigma, runs along each axis first. The result is clipped to the input's range.
//   - InvalidArgument: an empty volume or shape.
absl::StatusOr<Volume> Resample(const Volume& volume, const Shape3& shape, int threads = 1);

// As nnU-Net 2.x resamples images by default: cubic B-splines, the outermost voxel going on beyond the border, no
// smoothing, clipped to the input's range. Where the volume's largest spacing, or if not that `spacing_mm`'s (what the
// voxels shall have), is more than three times the smallest and belongs to one axis: every slice across that axis is
// resampled, and clipped to its range, on its own; along that axis the nearest slice is taken.
//   - InvalidArgument: as Resample.
absl::StatusOr<Volume> ResampleAsNnunet(const Volume& volume, const Shape3& shape,
                                        const std::array<double, 3>& spacing_mm, int threads = 1);

// For label maps: every output voxel takes the value of the input voxel that its centre lies in, of the upper one where
// it lies between two. Chosen over a linear interpolation per label: it is what the reference does with labels, no label
// loses its thin parts to a neighbour's smoothness, the cost does not grow with the number of labels, and soft labels
// (probabilities) survive.
//   - InvalidArgument: as Resample.
absl::StatusOr<Volume> ResampleNearest(const Volume& volume, const Shape3& shape);

}  // namespace amaes

// Where a preprocessed array lies in space, by the pickle beside it.
#pragma once

#include <array>

#include "absl/status/statusor.h"
#include "libs/volume/volume.h"
#include "nlohmann/json.hpp"

namespace amaes {

struct PickleGeometry {
  std::array<double, 3> spacing{1, 1, 1};  // millimetres along the array's axes
  // Array index to millimetres in RAS+; the identity scaled by the spacing where the pickle does not tell.
  std::array<double, 16> affine{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  bool has_affine = false;
};

// `properties`: what ParsePickle gives of the file beside an array of `shape` (without channels). Understood are those of
// AMAES, yucca and FOMO25 (`nifti_metadata`, `crop_to_nonzero`, `new_size`) and of nnU-Net and nnssl (`sitk_stuff` or
// `nibabel_stuff`, `spacing`, `bbox_used_for_cropping`). `transpose_forward`: of nnU-Net's plans; axis a of the array is
// axis transpose_forward[a] of the image as it was read (z, y, x).
//   - InvalidArgument: neither of them, a field missing or of another type, a shape that belongs to another array.
absl::StatusOr<PickleGeometry> GeometryOfPickle(const nlohmann::json& properties, const Shape3& shape,
                                                const std::array<int, 3>& transpose_forward = {0, 1, 2});

// The same voxels on the closest RAS+ axes, permuted and flipped by the affine, never interpolated.
//   - InvalidArgument: the affine is singular or not finite.
absl::StatusOr<Volume> ReorientToRas(const Volume& volume);

}  // namespace amaes

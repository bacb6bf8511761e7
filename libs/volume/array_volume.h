// A volume from a file that other software preprocessed: numbers in the order of the array's axes, without a place in
// space, which such software keeps in a file beside it (libs/volume/pickle_geometry.h).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

struct ArrayOptions {
  std::int64_t max_voxels = std::int64_t{1} << 29;  // per channel; larger is refused before memory is taken
  int channel = 0;                                  // which of an array (channels, X, Y, Z)
  bool allow_constant = false;                      // for label maps and masks
};

struct ArrayVolume {
  Volume volume;                      // spacing 1 mm and the identity as affine: the file states neither
  int channels = 1;                   // in the file
  std::string datatype;               // of the file, e.g. "float32"
  std::int64_t nonfinite_voxels = 0;  // NaN or infinite; replaced by 0
  float minimum = 0;                  // of the finite voxels
  float maximum = 0;
};

// `dims`: (X, Y, Z) or (channels, X, Y, Z). Fills shape and channels of `out`.
//   - InvalidArgument: "2D image …", another number of axes, "dimension …", "too large: …", "no channel …".
absl::Status PlanArrayVolume(absl::Span<const std::int64_t> dims, const ArrayOptions& options, ArrayVolume& out);

// Range, and what is not finite, of the voxels read.   - InvalidArgument: "no finite voxel", "constant image".
absl::Status FinishArrayVolume(const ArrayOptions& options, ArrayVolume& out);

}  // namespace amaes

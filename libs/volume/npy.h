// NumPy's .npy files: versions 1 to 3, C and Fortran order, both byte orders, bool, integers and floats of 8 to 64 bits.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "libs/volume/array_volume.h"

namespace amaes {

// One channel of an array (X, Y, Z) or (channels, X, Y, Z), as AMAES, yucca and FOMO25 preprocess. What lies behind the
// array is not looked at, as NumPy does. Thread-safe.
//   - NotFound: no such file.
//   - InvalidArgument: refused; the message names the defect: "not a .npy file …", "truncated: …", "object array …" (its
//     pickle is not looked at), "complex voxels …", "unknown datatype …", or as PlanArrayVolume and FinishArrayVolume.
//   - ResourceExhausted: no memory.   - PermissionDenied, Unavailable: I/O error.
absl::StatusOr<ArrayVolume> ReadNpy(const std::filesystem::path& path, const ArrayOptions& options = {});

}  // namespace amaes

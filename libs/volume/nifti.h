// Reads NIfTI-1/2, ANALYZE 7.5, .hdr/.img pairs, plain or gzip. Header layouts, byte swapping and rotations are
// niftilib's; the bytes are read here, so that every field is checked before it is used, memory is taken only for
// voxels that can be there, and a hostile file yields a Status. What could still crash is caught by reading in a child
// process.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/volume/volume.h"

namespace amaes {

struct NiftiOptions {
  std::int64_t max_voxels = std::int64_t{1} << 29;  // per 3D volume; larger is refused before memory is taken
  int frame = 0;                                    // which volume of a file with several, from 0
  bool allow_constant = false;                      // for label maps and masks, where one value is no defect
};

struct NiftiVolume {
  Volume volume;                      // reoriented to the closest RAS+ axes (permuted and flipped, never interpolated)
  std::string orientation;            // of the file, e.g. "LPS", as nibabel.aff2axcodes names it
  int frames = 1;                     // volumes in the file
  std::string datatype;               // of the file, e.g. "int16"
  std::int64_t nonfinite_voxels = 0;  // NaN or infinite after scaling; replaced by 0
  float minimum = 0;                  // of the finite voxels, after scaling
  float maximum = 0;
};

// What the header alone tells.
struct NiftiInfo {
  Shape3 shape{};                   // of one volume, on RAS+ axes
  std::array<double, 3> spacing{};  // millimetres, on RAS+ axes
  std::array<double, 16> affine{};  // of the RAS+ voxel grid
  std::string orientation;          // of the file
  int frames = 1;
  std::string datatype;     // of the file
  bool compressed = false;  // the voxels, by gzip
  std::int64_t bytes = 0;   // on disk, both halves of a pair
};

// One 3D volume of the file, the first unless options say otherwise, scaled by scl_slope and scl_inter (slope 0 or not
// finite = unscaled). The affine follows nibabel: sform if its code is > 0, else qform if its code is > 0, else from
// pixdim alone (first axis to the left, as ANALYZE means it). The spacing is pixdim's; where that is 0 or not finite, the
// affine's. A 4D file must hold all its volumes, though only one is kept; a 3D header whose last axis has one voxel is
// read, a 2D header is not. `path` may name either half of a pair. Thread-safe.
//   - NotFound: no such file, or a .hdr without its .img.
//   - InvalidArgument: refused; the message names the defect in a user's words: not a NIfTI file, "truncated: …",
//     "2D image", "RGB voxels", "complex voxels", "no finite voxel", "constant image", "no volume N", "too large: …",
//     "dimension …", "damaged: …" (gzip), "orientation: …", "unknown datatype …", "vox_offset …", "scl_inter …".
//   - ResourceExhausted: no memory.   - PermissionDenied, Unavailable: I/O error.
absl::StatusOr<NiftiVolume> ReadNifti(const std::filesystem::path& path, const NiftiOptions& options = {});

// What the header says, at the cost of the file's first kilobyte. Refuses what ReadNifti refuses, with the same codes,
// as far as the header and the size on disk show it. Thread-safe.
absl::StatusOr<NiftiInfo> InspectNifti(const std::filesystem::path& path, const NiftiOptions& options = {});

// Writes a float32 NIfTI-1 file (.nii, or .nii.gz by the name) with the volume's affine as sform. Atomic.
//   - InvalidArgument: an axis longer than 32767.   - ResourceExhausted, Unavailable: I/O error.
absl::Status WriteNifti(const std::filesystem::path& path, const Volume& volume);

}  // namespace amaes

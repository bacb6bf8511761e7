// The header of a NIfTI-1, NIfTI-2 or ANALYZE 7.5 file, checked field by field. Pure: works on bytes in memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/volume/volume.h"

namespace amaes {

inline constexpr std::size_t kNifti1HeaderBytes = 348;
inline constexpr std::size_t kNifti2HeaderBytes = 540;

struct NiftiHeader {
  bool pair = false;     // voxels lie in a separate .img
  bool swapped = false;  // of the other byte order
  Shape3 shape{};        // as in the file
  int frames = 1;
  int datatype = 0;  // NIfTI's number
  std::string datatype_name;
  int voxel_bytes = 0;
  std::int64_t data_offset = 0;
  double slope = 1;
  double intercept = 0;
  std::array<double, 3> spacing{1, 1, 1};  // along the file's axes
  std::array<double, 16> affine{};         // of the file's axes

  std::int64_t FrameBytes() const { return VoxelCount(shape) * voxel_bytes; }
};

// `bytes`: the first 540 bytes of the file, or fewer if it is shorter. `hdr_file`: it came from a .hdr file, where a
// missing NIfTI magic means ANALYZE. No field of the result can overflow: shape and voxel_bytes · shape · frames fit 62
// bits.
//   - InvalidArgument: see ReadNifti.
absl::StatusOr<NiftiHeader> ParseNiftiHeader(absl::string_view bytes, bool hdr_file, std::int64_t max_voxels);

// How the file's axes lie in RAS+. Input axis a becomes output axis `axis[a]`, reversed if `flip[a]`.
struct AxisOrder {
  std::array<int, 3> axis{0, 1, 2};
  std::array<bool, 3> flip{};
  std::string codes;  // e.g. "LPS"
};

// The closest axes, as nibabel.io_orientation finds them.   - InvalidArgument: the affine is singular or not finite.
absl::StatusOr<AxisOrder> ClosestAxes(const std::array<double, 16>& affine);

}  // namespace amaes

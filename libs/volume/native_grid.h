// The way back from a stored volume to the scan that it was made of.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

// A scan's grid on RAS+ axes, and the box of it that a contract kept.
struct NativeGrid {
  Shape3 shape{};
  Shape3 box_start{}, box_size{};
  bool operator==(const NativeGrid&) const = default;
};

// Where the stored volume, with the shape and affine that the contract gave it, was cut out of the scan (NiftiInfo::shape and
// affine). Pure.
//   - FailedPrecondition: it does not lie there up to 0.05 voxel: the scan is not the one that was ingested, or moved.
absl::StatusOr<NativeGrid> FindNativeGrid(const Shape3& stored_shape, const std::array<double, 16>& stored_affine,
                                          const Shape3& scan_shape, const std::array<double, 16>& scan_affine);

// Writes a label map, given on the RAS+ axes of the scan `like`, as uint8 with that scan's header: its axes, affine, qform and
// sform, units and description; without its scaling and extensions; one volume where the scan has several. A pair or an
// ANALYZE file becomes a single NIfTI file (.nii, or .nii.gz by the name). Atomic.
//   - InvalidArgument: `like` is no readable NIfTI file, or has another shape.   - NotFound: there is none.
//   - ResourceExhausted, PermissionDenied, Unavailable: I/O error.
absl::Status WriteLabelsLike(const std::filesystem::path& path, const std::filesystem::path& like, const Shape3& shape,
                             absl::Span<const std::uint8_t> labels);

}  // namespace amaes

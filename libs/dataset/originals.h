// The files that a dataset version was made of, found and read again.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/volume/nifti.h"

namespace amaes {

// SHA-256 of shape, spacing and voxels of a scan on RAS+ axes. Spacing counts in micrometres: axis orders and header kinds
// round it differently.
std::string VoxelDigest(const Volume& volume);

// A companion is named by its own voxels and by the volume whose box and grid it was brought to.
std::string CompanionName(const std::string& role, const std::string& voxel_digest, const std::string& volume);

// "FROM=TO": paths that begin with FROM begin with TO now. Empty: nothing moved.
struct Moved {
  std::string from, to;
  std::filesystem::path Now(const std::string& path) const;
  bool operator==(const Moved&) const = default;
};
// - InvalidArgument: not two absolute paths with = between them.
absl::StatusOr<Moved> ParseMoved(const std::string& text);

// The companion of `entry` as it was ingested, on RAS+ axes of its own grid. Messages name no file.
//   - FailedPrecondition: its place is not known (an older catalogue); nothing is there; or it holds other voxels now.
//   - as ReadNifti, but NotFound.
absl::StatusOr<NiftiVolume> ReadOriginal(const CatalogueEntry& entry, const Companion& companion, const Moved& moved);

}  // namespace amaes

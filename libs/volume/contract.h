// Preprocessing contracts: how a scan is oriented, cropped, normalised and spaced. Stored with every dataset and
// checkpoint.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

struct Contract {
  std::string name = "amaes";
  int version = 1;
  // Target spacing along x, y, z; 0 = the scan's own along that axis.
  std::array<double, 3> spacing_mm{1, 1, 1};
  double clip_quantile = 0.99;  // of the voxels that differ from the background (the minimum)
  bool reference_crop = false;  // the reference's off-by-one: one voxel beyond the last foreground index

  bool operator==(const Contract&) const = default;
};

// Canonical single-line JSON with every field; part of every digest that depends on the contract.
std::string ContractJson(const Contract& contract);
// - InvalidArgument: not JSON, a missing or unknown field, an unknown name or a newer version.
absl::StatusOr<Contract> ParseContract(const std::string& json);

// The `amaes` contract on a RAS+ volume (AMAES, arXiv 2408.00640, preprocessing as run by the reference's engine):
//   1. crop to the bounding box of voxels > 0;
//   2. background = minimum; foreground = voxels that differ from it; clip above the 0.99 quantile of the foreground
//      (linear interpolation); z-score and min-max to [0,1], which together are the min-max of the clipped volume;
//   3. target shape = round-half-even(size * spacing / spacing_mm); cubic B-spline resampling with mirrored borders,
//      Gaussian anti-aliasing (sigma = max(0, (factor - 1) / 2)) when any axis shrinks; clipped to the input's range.
// Uses up to `threads` threads; the result does not depend on how many.
//   - InvalidArgument: no foreground, constant foreground, a spacing that is not positive or makes the result larger than
//     2^29 voxels, or a contract that ParseContract would refuse; the message says which.
absl::StatusOr<Volume> ApplyContract(const Volume& volume, const Contract& contract, int threads = 1);

// The step to store a volume of this contract with: a quantum far below the scans' own noise, which would otherwise be
// most of what is stored (docs/adr/0014-stored-steps.md). `amaes`: 1/4095 of its [0,1]; `zscore`: 1/1024 standard deviation.
double StoredResolution(const Contract& contract);

struct Prepared {
  Volume volume;
  std::vector<Volume> companions;  // on the volume's new grid, in the order given
};

// Whether a label map or mask lies on the volume's grid, both in RAS+.
//   - InvalidArgument: its shape differs, or a corner of its grid lies more than 0.001 mm from the volume's; "has …",
//     "does not lie …".
absl::Status CheckCompanion(const Volume& volume, const Volume& companion);

// ApplyContract, with label maps or masks that lie on the volume's grid: they get the same crop box and the same shape,
// and every voxel of theirs takes the value of the old voxel that its centre lies in, so that no new label appears.
//   - InvalidArgument: as ApplyContract; "companion N …" (from 0): its shape differs, or a corner of its grid lies more
//     than 0.001 mm from the volume's.
absl::StatusOr<Prepared> ApplyContractTogether(const Volume& volume, absl::Span<const Volume> companions,
                                               const Contract& contract, int threads = 1);

}  // namespace amaes

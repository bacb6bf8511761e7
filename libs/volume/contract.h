// Preprocessing contracts: how a scan is oriented, cropped, normalised and spaced. Stored with every dataset and
// checkpoint.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

struct Contract {
  std::string name = "amaes";  // or "zscore"
  int version = 1;
  // Target spacing along x, y, z; 0 = the scan's own along that axis. (A median over a dataset is worked out before.)
  std::array<double, 3> spacing_mm{1, 1, 1};
  // Of `amaes` only; `zscore` keeps these defaults.
  double clip_quantile = 0.99;  // of the voxels that differ from the background (the minimum)
  bool reference_crop = false;  // the reference's off-by-one: one voxel beyond the last foreground index

  bool operator==(const Contract&) const = default;
};

// - InvalidArgument: an unknown name or version, a spacing that is negative or not finite, a quantile not in (0, 1], a
//   field that the named contract does not have.
absl::Status CheckContract(const Contract& contract);

// Canonical single-line JSON with every field that the named contract has; part of every digest that depends on it.
std::string ContractJson(const Contract& contract);
// - InvalidArgument: not JSON, a missing field, one that the named contract does not have, or as CheckContract.
absl::StatusOr<Contract> ParseContract(const std::string& json);

// What the contracts do to a RAS+ volume:
//   1. crop to the bounding box of voxels > 0 (`amaes`) or != 0 (`zscore`);
//   2. `amaes` (arXiv 2408.00640, as run by the reference's engine): background = minimum; foreground = voxels that differ
//      from it; clip above the 0.99 quantile of the foreground (linear interpolation); z-score and min-max to [0,1],
//      which together are the min-max of the clipped volume.
//      `zscore` (nnU-Net 2.x without its optional mask): mean 0, standard deviation 1, over all voxels of the crop;
//   3. target shape = round-half-even(size * spacing / spacing_mm); if it differs, Resample or ResampleAsNnunet
//      (libs/volume/resample.h).
// Uses up to `threads` threads; the result does not depend on how many.
//   - InvalidArgument: no foreground, constant foreground, a spacing that is not positive or makes the result larger than
//     2^29 voxels, or as CheckContract; the message says which.
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

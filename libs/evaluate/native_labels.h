// Logits on a stored volume's grid become a label map on the scan's own.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/volume/native_grid.h"

namespace amaes {

enum class LabelRule {
  kClasses,  // one channel per class, background first: the largest logit wins, the first of equals
  kRegions,  // one channel per region: a logit above 0 is inside; where several are, the last region gives the label
};

// `logits` [1, K, d, h, w], any device, are interpolated trilinearly to the box (voxel corners coincide); beyond the box
// everything is background, 0. `values`: K labels, of each channel the one that its voxels get; values[0] = 0 with kClasses.
// The result has VoxelCount(grid.shape) voxels, z fastest, on the host.
//   - ResourceExhausted: out of memory.   - Internal: error of the tensor library.
absl::StatusOr<std::vector<std::uint8_t>> NativeLabels(const at::Tensor& logits, const NativeGrid& grid, LabelRule rule,
                                                       absl::Span<const std::uint8_t> values);

}  // namespace amaes

#include "libs/volume/array_volume.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/volume/statistics.h"

namespace amaes {
namespace {

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }

}  // namespace

absl::Status PlanArrayVolume(absl::Span<const std::int64_t> dims, const ArrayOptions& options, ArrayVolume& out) {
  const std::string text = absl::StrCat("(", absl::StrJoin(dims, ", "), ")");
  if (dims.size() < 3) return Refuse(absl::StrCat("2D image: shape ", text, ", no third axis"));
  if (dims.size() > 4) return Refuse(absl::StrCat("shape ", text, " is neither (X, Y, Z) nor (channels, X, Y, Z)"));
  constexpr std::int64_t kMostChannels = 1 << 16;
  for (const std::int64_t dim : dims) {
    if (dim < 1) return Refuse(absl::StrCat("dimension ", dim, " in shape ", text));
  }
  const std::int64_t channels = dims.size() == 4 ? dims[0] : 1;
  std::int64_t voxels = 1;
  for (int a = 0; a < 3; ++a) {
    out.volume.shape[a] = dims[dims.size() - 3 + a];
    if (out.volume.shape[a] > options.max_voxels / voxels) {
      return Refuse(absl::StrCat("too large: shape ", text, "; at most ", options.max_voxels, " voxels in 3D"));
    }
    voxels *= out.volume.shape[a];
  }
  if (channels > kMostChannels) return Refuse(absl::StrCat("too large: ", channels, " channels"));
  if (options.channel < 0 || options.channel >= channels) {
    return Refuse(absl::StrCat("no channel ", options.channel, ": the array has ", channels, ", counted from 0"));
  }
  out.channels = static_cast<int>(channels);
  return absl::OkStatus();
}

absl::Status FinishArrayVolume(const ArrayOptions& options, ArrayVolume& out) {
  const Extent extent = MeasureExtent(out.volume.voxels);
  if (extent.low > extent.high) return Refuse("no finite voxel");
  out.minimum = extent.low;
  out.maximum = extent.high;
  out.nonfinite_voxels = extent.nonfinite;
  if (extent.nonfinite > 0) {
    for (float& v : out.volume.voxels) v = std::isfinite(v) ? v : 0;
  }
  const bool constant = extent.low == extent.high && (extent.nonfinite == 0 || extent.low == 0);
  if (constant && !options.allow_constant) return Refuse(absl::StrCat("constant image: every voxel is ", extent.low));
  return absl::OkStatus();
}

}  // namespace amaes

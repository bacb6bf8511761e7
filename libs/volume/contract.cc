#include "libs/volume/contract.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/volume/resample.h"
#include "libs/volume/statistics.h"

namespace amaes {
namespace {

constexpr std::int64_t kMaxTargetVoxels = std::int64_t{1} << 29;
constexpr double kGridToleranceMm = 1e-3;

struct Box {
  Shape3 start{};
  Shape3 size{};
};

// The smallest box around all voxels that `is_foreground`; size 0 if there is none.
template <typename F>
Box ForegroundBox(const Volume& volume, const F& is_foreground) {
  Shape3 low = volume.shape;
  Shape3 high{-1, -1, -1};
  const float* p = volume.voxels.data();
  for (std::int64_t x = 0; x < volume.shape[0]; ++x) {
    for (std::int64_t y = 0; y < volume.shape[1]; ++y, p += volume.shape[2]) {
      std::int64_t first = 0;
      while (first < volume.shape[2] && !is_foreground(p[first])) ++first;
      if (first == volume.shape[2]) continue;
      std::int64_t last = volume.shape[2] - 1;
      while (!is_foreground(p[last])) --last;
      low = {std::min(low[0], x), std::min(low[1], y), std::min(low[2], first)};
      high = {std::max(high[0], x), std::max(high[1], y), std::max(high[2], last)};
    }
  }
  if (high[0] < 0) return {};
  return {low, {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}};
}

Volume Crop(const Volume& volume, const Box& box) {
  Volume out;
  out.shape = box.size;
  out.spacing = volume.spacing;
  out.affine = volume.affine;
  for (int row = 0; row < 3; ++row) {
    for (int a = 0; a < 3; ++a) {
      out.affine[row * 4 + 3] += volume.affine[row * 4 + a] * static_cast<double>(box.start[a]);
    }
  }
  out.voxels.reserve(static_cast<std::size_t>(VoxelCount(box.size)));
  for (std::int64_t x = 0; x < box.size[0]; ++x) {
    for (std::int64_t y = 0; y < box.size[1]; ++y) {
      const std::int64_t first =
          ((box.start[0] + x) * volume.shape[1] + box.start[1] + y) * volume.shape[2] + box.start[2];
      const auto line = volume.voxels.begin() + first;
      out.voxels.insert(out.voxels.end(), line, line + box.size[2]);
    }
  }
  return out;
}

absl::Status NoForeground(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("no foreground: ", why));
}

// `amaes`: clips above the quantile of the voxels that differ from the minimum, then scales to [0,1].
absl::Status ScaleToUnit(std::vector<float>& voxels, double clip_quantile) {
  const Extent extent = MeasureExtent(voxels);
  const float background = extent.low;
  const Quantile clip = MeasureQuantile(voxels, extent, background, clip_quantile);
  if (clip.count == 0) return NoForeground("all voxels of the crop are equal");
  const auto top = static_cast<float>(clip.value);
  if (!(top > clip.lowest)) {
    return absl::InvalidArgumentError(absl::StrCat("constant foreground: every voxel above the background is ",
                                                   clip.lowest, " after clipping; is this a mask?"));
  }
  const double scale = 1.0 / (static_cast<double>(top) - background);
  const auto ground = static_cast<double>(background);
  for (float& v : voxels) {
    const float clipped = top < v ? top : v;
    v = static_cast<float>((static_cast<double>(clipped) - ground) * scale);
  }
  return absl::OkStatus();
}

// `zscore`: mean 0 and standard deviation 1 over all voxels of the crop.
absl::Status ScaleToMoments(std::vector<float>& voxels) {
  const Moments moments = MeasureMoments(voxels);
  constexpr double kSmallest = 1e-8;  // where nnU-Net stops dividing
  if (!(moments.standard_deviation > kSmallest)) {
    return absl::InvalidArgumentError(
        absl::StrCat("constant foreground: every voxel of the crop is about ", moments.mean, "; is this a mask?"));
  }
  const double scale = 1.0 / moments.standard_deviation;
  for (float& v : voxels) v = static_cast<float>((static_cast<double>(v) - moments.mean) * scale);
  return absl::OkStatus();
}

absl::StatusOr<Shape3> TargetShape(const Volume& volume, const std::array<double, 3>& spacing_mm) {
  Shape3 target{};
  double voxels = 1;
  for (int a = 0; a < 3; ++a) {
    const double wanted = spacing_mm[a];
    const double size = std::nearbyint(volume.spacing[a] / wanted * static_cast<double>(volume.shape[a]));
    if (!(volume.spacing[a] > 0) || !std::isfinite(size)) {
      return absl::InvalidArgumentError(absl::StrCat("spacing ", volume.spacing[a], " mm along axis ", a));
    }
    voxels *= std::max(1.0, size);
    if (voxels > static_cast<double>(kMaxTargetVoxels)) {
      return absl::InvalidArgumentError(
          absl::StrCat("too large: more than ", kMaxTargetVoxels, " voxels at ", wanted, " mm; check the spacing"));
    }
    target[a] = static_cast<std::int64_t>(std::max(1.0, size));
  }
  return target;
}

}  // namespace

double StoredResolution(const Contract& contract) { return contract.name == "zscore" ? 1.0 / 1024 : 1.0 / 4095; }

absl::StatusOr<Volume> ApplyContract(const Volume& volume, const Contract& contract, int threads) {
  AMAES_ASSIGN_OR_RETURN(Prepared prepared, ApplyContractTogether(volume, {}, contract, threads));
  return std::move(prepared.volume);
}

// Every corner of the companion's grid must lie on the volume's, whatever the affine's numbers are rounded to.
absl::Status CheckCompanion(const Volume& volume, const Volume& companion) {
  if (companion.shape != volume.shape) {
    return absl::InvalidArgumentError(absl::StrCat("has ", absl::StrJoin(companion.shape, " x "),
                                                   " voxels, the volume ", absl::StrJoin(volume.shape, " x "),
                                                   " (in RAS+); resample it to the volume's grid"));
  }
  double farthest = 0;
  for (int corner = 0; corner < 8; ++corner) {
    double square = 0;
    for (int row = 0; row < 3; ++row) {
      double off = companion.affine[row * 4 + 3] - volume.affine[row * 4 + 3];
      for (int a = 0; a < 3; ++a) {
        const double at = (corner >> a & 1) != 0 ? static_cast<double>(volume.shape[a] - 1) : 0.0;
        off += (companion.affine[row * 4 + a] - volume.affine[row * 4 + a]) * at;
      }
      square += off * off;
    }
    if (!(std::sqrt(square) <= farthest)) farthest = std::sqrt(square);
  }
  if (farthest <= kGridToleranceMm) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("does not lie on the volume's grid: its corners are up to ", farthest,
                                                 " mm away; resample it, or correct its affine"));
}

absl::StatusOr<Prepared> ApplyContractTogether(const Volume& volume, absl::Span<const Volume> companions,
                                               const Contract& contract, int threads) {
  AMAES_RETURN_IF_ERROR(CheckContract(contract));
  for (std::size_t i = 0; i < companions.size(); ++i) {
    const absl::Status fits = CheckCompanion(volume, companions[i]);
    if (!fits.ok()) return absl::InvalidArgumentError(absl::StrCat("companion ", i, " ", fits.message()));
  }
  const bool amaes = contract.name == "amaes";
  Box box = amaes ? ForegroundBox(volume, [](float v) { return v > 0; })
                  : ForegroundBox(volume, [](float v) { return v != 0; });
  if (box.size[0] == 0) return NoForeground(amaes ? "no voxel is above 0" : "every voxel is 0");
  if (contract.reference_crop) {
    for (int a = 0; a < 3; ++a) box.size[a] = std::min(box.size[a] + 1, volume.shape[a] - box.start[a]);
  }
  Volume crop = Crop(volume, box);
  AMAES_RETURN_IF_ERROR(amaes ? ScaleToUnit(crop.voxels, contract.clip_quantile) : ScaleToMoments(crop.voxels));
  std::array<double, 3> spacing = contract.spacing_mm;
  for (int a = 0; a < 3; ++a) spacing[a] = spacing[a] > 0 ? spacing[a] : volume.spacing[a];
  AMAES_ASSIGN_OR_RETURN(const Shape3 target, TargetShape(crop, spacing));
  Prepared out;
  if (target == crop.shape) {
    out.volume = std::move(crop);
  } else if (amaes) {
    AMAES_ASSIGN_OR_RETURN(out.volume, Resample(crop, target, threads));
  } else {
    AMAES_ASSIGN_OR_RETURN(out.volume, ResampleAsNnunet(crop, target, spacing, threads));
  }
  for (const Volume& companion : companions) {
    AMAES_ASSIGN_OR_RETURN(Volume labels, ResampleNearest(Crop(companion, box), target));
    labels.spacing = out.volume.spacing;
    labels.affine = out.volume.affine;
    out.companions.push_back(std::move(labels));
  }
  return out;
}

}  // namespace amaes

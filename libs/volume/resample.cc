#include "libs/volume/resample.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/volume/spline.h"
#include "libs/volume/statistics.h"

namespace amaes {
namespace {

constexpr double kAnisotropic = 3;  // nnU-Net's threshold of largest to smallest spacing

// Spacing and affine of `volume` on a grid of `shape` that covers the same space; no voxels yet.
absl::StatusOr<Volume> Regrid(const Volume& volume, const Shape3& shape) {
  Volume out;
  out.shape = shape;
  out.spacing = volume.spacing;
  out.affine = volume.affine;
  for (int a = 0; a < 3; ++a) {
    if (volume.shape[a] < 1 || shape[a] < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot resample along axis ", a, ": from ", volume.shape[a], " to ", shape[a], " voxels"));
    }
    const double factor = static_cast<double>(volume.shape[a]) / static_cast<double>(shape[a]);
    out.spacing[a] *= factor;
    for (int row = 0; row < 3; ++row) {
      out.affine[row * 4 + 3] += volume.affine[row * 4 + a] * (0.5 * factor - 0.5);
      out.affine[row * 4 + a] *= factor;
    }
  }
  return out;
}

// The spline along the axes of `axes` whose length changes, those that shrink most first, so that the others have less
// to do (they commute).
void SplineAxes(const Volume& volume, const Shape3& shape, std::vector<int> axes, SplineBorder border, bool anti_alias,
                int threads, std::vector<float>& out) {
  const auto factor = [&](int a) { return static_cast<double>(volume.shape[a]) / static_cast<double>(shape[a]); };
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return factor(a) > factor(b); });
  Shape3 now = volume.shape;
  const std::vector<float>* from = &volume.voxels;
  for (const int a : axes) {
    if (now[a] == shape[a]) continue;  // whole-numbered positions: the spline reproduces its samples
    std::int64_t outer = 1, inner = 1;
    for (int i = 0; i < a; ++i) outer *= now[i];
    for (int i = a + 1; i < 3; ++i) inner *= now[i];
    out = SplineAxis(*from, PlanSpline(now[a], shape[a], border, anti_alias), outer, inner, threads);
    from = &out;
    now[a] = shape[a];
  }
  if (from != &out) out = volume.voxels;
}

// Clips every slice across `axis` to the range that the same slice of `before` has; both have as many slices.
void ClipSlices(const Volume& before, int axis, Volume& after) {
  const auto slices = static_cast<std::size_t>(before.shape[axis]);
  std::vector<float> low(slices, std::numeric_limits<float>::infinity()), high(slices, -low[0]);
  const auto walk = [axis](const Shape3& shape, const auto& visit) {
    std::size_t i = 0;
    std::int64_t at[3];
    for (at[0] = 0; at[0] < shape[0]; ++at[0]) {
      for (at[1] = 0; at[1] < shape[1]; ++at[1]) {
        for (at[2] = 0; at[2] < shape[2]; ++at[2], ++i) visit(i, static_cast<std::size_t>(at[axis]));
      }
    }
  };
  walk(before.shape, [&](std::size_t i, std::size_t slice) {
    low[slice] = std::min(low[slice], before.voxels[i]);
    high[slice] = std::max(high[slice], before.voxels[i]);
  });
  walk(after.shape, [&](std::size_t i, std::size_t slice) {
    after.voxels[i] = std::clamp(after.voxels[i], low[slice], high[slice]);
  });
}

void ClipToRange(const Volume& before, Volume& after) {
  const Extent extent = MeasureExtent(before.voxels);
  const float low = extent.low, high = extent.high;
  for (float& v : after.voxels) v = std::min(std::max(v, low), high);
}

// The one axis whose spacing is larger than all others', if it is more than three times the smallest; else -1. Two that
// are equally coarse are none, and then the other grid is not asked.
int CoarseAxis(const std::array<double, 3>& now, const std::array<double, 3>& wanted) {
  for (const std::array<double, 3>& spacing : {now, wanted}) {
    const auto [low, high] = std::minmax_element(spacing.begin(), spacing.end());
    if (!(*high / *low > kAnisotropic)) continue;
    if (std::count(spacing.begin(), spacing.end(), *high) > 1) return -1;
    return static_cast<int>(std::max_element(spacing.begin(), spacing.end()) - spacing.begin());
  }
  return -1;
}

}  // namespace

absl::StatusOr<Volume> Resample(const Volume& volume, const Shape3& shape, int threads) {
  AMAES_ASSIGN_OR_RETURN(Volume out, Regrid(volume, shape));
  bool shrinks = false;
  for (int a = 0; a < 3; ++a) shrinks = shrinks || shape[a] < volume.shape[a];
  SplineAxes(volume, shape, {0, 1, 2}, SplineBorder::kMirror, shrinks, threads, out.voxels);
  if (shape != volume.shape) ClipToRange(volume, out);
  return out;
}

absl::StatusOr<Volume> ResampleAsNnunet(const Volume& volume, const Shape3& shape,
                                        const std::array<double, 3>& spacing_mm, int threads) {
  AMAES_ASSIGN_OR_RETURN(Volume out, Regrid(volume, shape));
  const int coarse = shape == volume.shape ? -1 : CoarseAxis(volume.spacing, spacing_mm);
  if (coarse < 0) {
    SplineAxes(volume, shape, {0, 1, 2}, SplineBorder::kEdge, false, threads, out.voxels);
    if (shape != volume.shape) ClipToRange(volume, out);
    return out;
  }
  // Every slice on its own, then whole slices by the nearest centre.
  Shape3 in_plane = shape;
  in_plane[coarse] = volume.shape[coarse];
  AMAES_ASSIGN_OR_RETURN(Volume slices, Regrid(volume, in_plane));
  SplineAxes(volume, in_plane, {0, 1, 2}, SplineBorder::kEdge, false, threads, slices.voxels);
  if (in_plane != volume.shape) ClipSlices(volume, coarse, slices);
  return ResampleNearest(slices, shape);
}

absl::StatusOr<Volume> ResampleNearest(const Volume& volume, const Shape3& shape) {
  AMAES_ASSIGN_OR_RETURN(Volume out, Regrid(volume, shape));
  std::array<std::vector<std::int64_t>, 3> from;
  for (int a = 0; a < 3; ++a) {
    const double factor = static_cast<double>(volume.shape[a]) / static_cast<double>(shape[a]);
    for (std::int64_t o = 0; o < shape[a]; ++o) {
      const auto i = static_cast<std::int64_t>((static_cast<double>(o) + 0.5) * factor);
      from[a].push_back(std::min(i, volume.shape[a] - 1));
    }
  }
  out.voxels.reserve(static_cast<std::size_t>(VoxelCount(shape)));
  for (const std::int64_t x : from[0]) {
    for (const std::int64_t y : from[1]) {
      const float* line = volume.voxels.data() + (x * volume.shape[1] + y) * volume.shape[2];
      for (const std::int64_t z : from[2]) out.voxels.push_back(line[z]);
    }
  }
  return out;
}

}  // namespace amaes

#include "libs/dataset/grid.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

using Point = std::array<double, 3>;

Point Apply(const Affine& affine, const Point& voxel) {
  Point out{};
  for (int row = 0; row < 3; ++row) {
    out[row] = affine[row * 4 + 3];
    for (int axis = 0; axis < 3; ++axis) out[row] += affine[row * 4 + axis] * voxel[axis];
  }
  return out;
}

// The voxel at a place in millimetres: Cramer's rule.
absl::StatusOr<Point> VoxelAt(const Affine& affine, const Point& place) {
  const auto column = [&](int axis) { return Point{affine[axis], affine[4 + axis], affine[8 + axis]}; };
  const auto cross = [](const Point& a, const Point& b) {
    return Point{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  };
  const auto dot = [](const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; };
  const Point x = column(0), y = column(1), z = column(2);
  const Point from{place[0] - affine[3], place[1] - affine[7], place[2] - affine[11]};
  const double volume = dot(x, cross(y, z));
  if (!std::isfinite(volume) || std::abs(volume) < 1e-12) return absl::InvalidArgumentError("an affine spans no grid");
  return Point{dot(from, cross(y, z)) / volume, dot(x, cross(from, z)) / volume, dot(x, cross(y, from)) / volume};
}

}  // namespace

absl::StatusOr<Shape3> GridOffset(const Affine& grid, const Shape3& shape, const Affine& other) {
  AMAES_ASSIGN_OR_RETURN(const Point origin, VoxelAt(other, Apply(grid, {0, 0, 0})));
  Shape3 offset{};
  for (int axis = 0; axis < 3; ++axis) {
    if (!(std::abs(origin[axis]) < 1e9)) return absl::InvalidArgumentError("an affine leads beyond any grid");
    offset[axis] = std::llround(origin[axis]);
  }
  double worst = 0;
  for (int corner = 0; corner < 8; ++corner) {
    Point voxel{};
    for (int axis = 0; axis < 3; ++axis) {
      voxel[axis] = (corner >> axis & 1) != 0 ? static_cast<double>(shape[axis] - 1) : 0;
    }
    AMAES_ASSIGN_OR_RETURN(const Point there, VoxelAt(other, Apply(grid, voxel)));
    for (int axis = 0; axis < 3; ++axis) {
      worst = std::max(worst, std::abs(there[axis] - voxel[axis] - static_cast<double>(offset[axis])));
    }
  }
  if (worst <= kGridTolerance) return offset;
  return absl::FailedPreconditionError(absl::StrFormat(
      "their grids do not meet: up to %.2f voxels lie between a voxel of one and the nearest of the other", worst));
}

}  // namespace amaes

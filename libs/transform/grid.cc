#include "libs/transform/grid.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "libs/base/log.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/elastic.h"
#include "libs/transform/kernels.h"

namespace amaes {
namespace {

double FromMiddle(const Shape3& patch, int axis, std::int64_t i) {
  return static_cast<double>(i) - static_cast<double>(patch[axis] - 1) / 2;
}

bool Whole(double value) { return value == std::floor(value); }

// Least and greatest place along `axis`; with a displacement, bounds of them.
std::array<double, 2> Extent(const SampleGrid& grid, int axis) {
  double least = grid.middle[axis], most = least;
  for (int from = 0; from < 3; ++from) {
    double low = FromMiddle(grid.patch, from, 0), high = -low;
    low += static_cast<double>(grid.displaced_by[from][0]);
    high += static_cast<double>(grid.displaced_by[from][1]);
    const double factor = grid.matrix[from * 3 + axis];
    least += std::min(factor * low, factor * high);
    most += std::max(factor * low, factor * high);
  }
  return {least, most};
}

}  // namespace

void SampleGrid::Displace(std::vector<float> by) {
  displacement = std::move(by);
  const std::int64_t voxels = VoxelCount(patch);
  for (int i = 0; i < 3; ++i) {
    FastKernels().range(voxels, displacement.data() + i * voxels, &displaced_by[i][0], &displaced_by[i][1]);
  }
}

bool SampleGrid::straight() const {
  for (const int off : {1, 2, 3, 5, 6, 7}) {
    if (matrix[off] != 0) return false;
  }
  return displacement.empty();
}

bool SampleGrid::whole() const {
  if (!straight()) return false;
  for (int axis = 0; axis < 3; ++axis) {
    if (matrix[axis * 4] != 1 || !Whole(middle[axis] + FromMiddle(patch, axis, 0))) return false;
  }
  return true;
}

void SampleGrid::Row(std::int64_t x, std::int64_t y, double* px, double* py, double* pz) const {
  // Copies, since for all the compiler knows the places may lie inside this object.
  const std::array<double, 9> m = matrix;
  const std::array<double, 3> c = middle;
  const double gx = FromMiddle(patch, 0, x), gy = FromMiddle(patch, 1, y), gz = FromMiddle(patch, 2, 0);
  const std::int64_t row = patch[2];
  if (displacement.empty()) {
    for (int axis = 0; axis < 3; ++axis) {
      double* const out = axis == 0 ? px : axis == 1 ? py : pz;
      for (std::int64_t z = 0; z < row; ++z) {
        out[z] = gx * m[axis] + gy * m[3 + axis] + (gz + static_cast<double>(z)) * m[6 + axis] + c[axis];
      }
    }
    return;
  }
  const std::int64_t voxels = VoxelCount(patch);
  const float* const dx = displacement.data() + (x * patch[1] + y) * row;
  const float* const dy = dx + voxels;
  const float* const dz = dy + voxels;
  for (int axis = 0; axis < 3; ++axis) {
    double* const out = axis == 0 ? px : axis == 1 ? py : pz;
    for (std::int64_t z = 0; z < row; ++z) {
      out[z] = (gx + static_cast<double>(dx[z])) * m[axis] + (gy + static_cast<double>(dy[z])) * m[3 + axis] +
               (gz + static_cast<double>(z) + static_cast<double>(dz[z])) * m[6 + axis] + c[axis];
    }
  }
}

std::vector<double> SampleGrid::Places(int axis) const {
  std::vector<double> places;
  for (std::int64_t i = 0; i < patch[axis]; ++i) {
    places.push_back(FromMiddle(patch, axis, i) * matrix[axis * 4] + middle[axis]);
  }
  return places;
}

std::array<double, 3> GridMiddle(const CropDraw& crop, const Shape3& patch, const Augmentation& augmentation) {
  std::array<double, 3> middle{};
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t margin = crop.size[axis] - patch[axis];
    const double begin =
        augmentation.half_voxel ? static_cast<double>(margin) / 2 : std::floor(static_cast<double>(margin) / 2);
    middle[axis] = begin + static_cast<double>(patch[axis] - 1) / 2;
    if (!augmentation.crop_border) middle[axis] += static_cast<double>(crop.start[axis] - crop.before[axis]);
  }
  return middle;
}

SampleGrid MakeGrid(const SpatialDraw& draw, const CropDraw& crop, const Shape3& patch,
                    const Augmentation& augmentation, std::uint64_t seed, std::int64_t position) {
  SampleGrid grid;
  grid.patch = patch;
  grid.middle = GridMiddle(crop, patch, augmentation);
  grid.matrix = draw.matrix;
  if (draw.elastic) grid.Displace(ElasticDisplacement(seed, position, patch, draw.alpha, draw.sigma));
  return grid;
}

Box CoefficientBox(const SampleGrid& grid, const Shape3& array) {
  Box box;
  for (int axis = 0; axis < 3; ++axis) {
    const auto [least, most] = Extent(grid, axis);
    const auto end = static_cast<double>(array[axis] - 1);
    if (most < 0 || least > end) return {};
    const auto first = static_cast<std::int64_t>(std::floor(std::max(0.0, least))) - 2;
    const auto last = static_cast<std::int64_t>(std::floor(std::min(end, most))) + 3;
    box.begin[axis] = std::max<std::int64_t>(first, -1);
    box.count[axis] = std::min(last, array[axis] + 1) - box.begin[axis] + 1;
  }
  return box;
}

Box NeededBox(const SampleGrid& grid, const Shape3& array) {
  if (grid.whole()) {
    Box box;
    for (int axis = 0; axis < 3; ++axis) {
      const auto begin = static_cast<std::int64_t>(grid.middle[axis] + FromMiddle(grid.patch, axis, 0));
      box.begin[axis] = std::clamp<std::int64_t>(begin, 0, array[axis]);
      box.count[axis] = std::clamp<std::int64_t>(begin + grid.patch[axis], 0, array[axis]) - box.begin[axis];
    }
    return box.empty() ? Box{} : box;
  }
  Box box = CoefficientBox(grid, array);
  if (box.empty()) return {};
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t begin = std::max<std::int64_t>(0, box.begin[axis] - kSplineReach);
    // What lies beyond an end is mirrored into the array: as far behind it as the reach is long.
    const std::int64_t mirrored = box.begin[axis] < kSplineReach ? kSplineReach - box.begin[axis] : 0;
    const std::int64_t last = box.begin[axis] + box.count[axis] - 1 + kSplineReach;
    const std::int64_t end = std::min(array[axis], std::max(last, mirrored) + 1);
    box.begin[axis] =
        last >= array[axis] ? std::max<std::int64_t>(0, std::min(begin, 2 * (array[axis] - 1) - last)) : begin;
    box.count[axis] = end - box.begin[axis];
  }
  return box;
}

}  // namespace amaes

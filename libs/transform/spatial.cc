#include "libs/transform/spatial.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "libs/base/log.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/kernels.h"

namespace amaes {
namespace {

// The voxels [first, first + count) of a straight grid's axis that lie inside the array.
struct Inside {
  std::int64_t first = 0, count = 0;
};
Inside InsideOf(const std::vector<double>& places, std::int64_t size) {
  Inside out;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] < 0 || places[i] > static_cast<double>(size - 1)) continue;
    if (out.count == 0) out.first = static_cast<std::int64_t>(i);
    ++out.count;
  }
  return out;
}

// Puts `values` of `counts` voxels at `firsts` of the patch, clipped.
void Place(const Shape3& patch, const std::array<Inside, 3>& inside, const ResampleRange& range, const float* values,
           absl::Span<float> out) {
  const Kernels& kernels = FastKernels();
  for (std::int64_t x = 0; x < inside[0].count; ++x) {
    for (std::int64_t y = 0; y < inside[1].count; ++y) {
      float* to = out.data() + ((inside[0].first + x) * patch[1] + inside[1].first + y) * patch[2] + inside[2].first;
      std::copy_n(values + (x * inside[1].count + y) * inside[2].count, inside[2].count, to);
      kernels.clamp(inside[2].count, range.minimum, range.maximum, to);
    }
  }
}

void Copy(const SampleGrid& grid, const Source<float>& source, const ResampleRange& range, absl::Span<float> out) {
  std::array<Inside, 3> inside;
  for (int axis = 0; axis < 3; ++axis) {
    inside[axis] = InsideOf(grid.Places(axis), source.array[axis]);
    if (inside[axis].count == 0) return;
  }
  // The first voxel inside lies on this sample.
  Shape3 first{};
  for (int axis = 0; axis < 3; ++axis) {
    first[axis] = static_cast<std::int64_t>(grid.Places(axis)[inside[axis].first]) - source.box.begin[axis];
    AMAES_CHECK(first[axis] >= 0 && first[axis] + inside[axis].count <= source.box.count[axis]);
  }
  const Kernels& kernels = FastKernels();
  for (std::int64_t x = 0; x < inside[0].count; ++x) {
    for (std::int64_t y = 0; y < inside[1].count; ++y) {
      float* to =
          out.data() + ((inside[0].first + x) * grid.patch[1] + inside[1].first + y) * grid.patch[2] + inside[2].first;
      std::copy_n(
          source.voxels.data() + ((first[0] + x) * source.box.count[1] + first[1] + y) * source.box.count[2] + first[2],
          inside[2].count, to);
      kernels.clamp(inside[2].count, range.minimum, range.maximum, to);
    }
  }
}

void Straight(const SampleGrid& grid, const Source<float>& source, const ResampleRange& range, absl::Span<float> out) {
  std::array<Inside, 3> inside;
  std::array<AxisFilter, 3> filters;
  for (int axis = 0; axis < 3; ++axis) {
    inside[axis] = InsideOf(grid.Places(axis), source.array[axis]);
    if (inside[axis].count == 0) return;
  }
  for (int axis = 0; axis < 3; ++axis) {
    const std::vector<double> places = grid.Places(axis);
    const auto begin = places.begin() + inside[axis].first;
    filters[axis] = SplineAt({begin, begin + inside[axis].count},
                             {source.array[axis], source.box.begin[axis], source.box.count[axis]}, Beyond::kMirror);
  }
  const std::vector<float> values = ApplyFilters(filters, source.box.count, source.voxels);
  Place(grid.patch, inside, range, values.data(), out);
}

void General(const SampleGrid& grid, const Source<float>& source, const ResampleRange& range, absl::Span<float> out) {
  const Box box = CoefficientBox(grid, source.array);
  if (box.empty()) return;
  std::array<AxisFilter, 3> filters;
  for (int axis = 0; axis < 3; ++axis) {
    filters[axis] = SplineCoefficients(box.begin[axis], box.count[axis],
                                       {source.array[axis], source.box.begin[axis], source.box.count[axis]});
  }
  const std::vector<float> coefficients = ApplyFilters(filters, source.box.count, source.voxels);
  std::array<double, 3> offset{}, low{}, high{};
  for (int axis = 0; axis < 3; ++axis) {
    offset[axis] = static_cast<double>(box.begin[axis] + 1);
    low[axis] = -offset[axis];
    high[axis] = static_cast<double>(source.array[axis] - 1) - offset[axis];
  }
  const Kernels& kernels = FastKernels();
  const std::int64_t row = grid.patch[2];
  std::vector<double> places(static_cast<std::size_t>(3 * row));
  double* const px = places.data();
  double* const py = px + row;
  double* const pz = py + row;
  for (std::int64_t x = 0; x < grid.patch[0]; ++x) {
    for (std::int64_t y = 0; y < grid.patch[1]; ++y) {
      grid.Row(x, y, px, py, pz);
      for (std::int64_t z = 0; z < row; ++z) {
        px[z] -= offset[0];
        py[z] -= offset[1];
        pz[z] -= offset[2];
      }
      kernels.sample_cubic(row, px, py, pz, coefficients.data(), box.count[1] * box.count[2], box.count[2], low.data(),
                           high.data(), range.fill, range.minimum, range.maximum,
                           out.data() + (x * grid.patch[1] + y) * row);
    }
  }
}

}  // namespace

void ResampleCubic(const SampleGrid& grid, const Source<float>& source, const ResampleRange& range,
                   absl::Span<float> out) {
  AMAES_CHECK(static_cast<std::int64_t>(out.size()) == VoxelCount(grid.patch));
  AMAES_CHECK(static_cast<std::int64_t>(source.voxels.size()) == VoxelCount(source.box.count));
  if (!grid.straight()) {
    if (CoefficientBox(grid, source.array).empty()) std::fill(out.begin(), out.end(), range.fill);
    return General(grid, source, range, out);
  }
  std::fill(out.begin(), out.end(), range.fill);
  return grid.whole() ? Copy(grid, source, range, out) : Straight(grid, source, range, out);
}

void ResampleNearest(const SampleGrid& grid, const Source<std::uint8_t>& source, absl::Span<std::uint8_t> out) {
  AMAES_CHECK(static_cast<std::int64_t>(out.size()) == VoxelCount(grid.patch));
  AMAES_CHECK(static_cast<std::int64_t>(source.voxels.size()) == VoxelCount(source.box.count));
  const std::int64_t row = grid.patch[2];
  std::vector<double> places(static_cast<std::size_t>(3 * row));
  const std::array<double*, 3> p{places.data(), places.data() + row, places.data() + 2 * row};
  for (std::int64_t x = 0; x < grid.patch[0]; ++x) {
    for (std::int64_t y = 0; y < grid.patch[1]; ++y) {
      grid.Row(x, y, p[0], p[1], p[2]);
      std::uint8_t* to = out.data() + (x * grid.patch[1] + y) * row;
      for (std::int64_t z = 0; z < row; ++z) {
        std::int64_t index = 0;
        bool inside = true;
        for (int axis = 0; axis < 3; ++axis) {
          inside = inside && p[axis][z] >= 0 && p[axis][z] <= static_cast<double>(source.array[axis] - 1);
          const std::int64_t sample = static_cast<std::int64_t>(std::floor(p[axis][z] + 0.5)) - source.box.begin[axis];
          index = index * source.box.count[axis] + sample;
        }
        to[z] = inside ? source.voxels[index] : 0;
      }
    }
  }
}

}  // namespace amaes

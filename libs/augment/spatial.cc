#include "libs/augment/spatial.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "libs/augment/axis_product.h"
#include "libs/base/log.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/elastic.h"

namespace amaes {
namespace {

at::Tensor Clipped(const at::Tensor& values, const at::Tensor& inside, const ResampleRange& range) {
  return at::where(inside, at::clamp(values, range.minimum, range.maximum), range.fill);
}

// Each axis is a matrix from the samples read to the voxels; rows of voxels outside are zero.
at::Tensor Straight(const SampleGrid& grid, const Shape3& array, const Box& box, const at::Tensor& voxels,
                    const ResampleRange& range) {
  const c10::Device device = voxels.device();
  at::Tensor values = voxels;
  std::array<at::Tensor, 3> inside;
  for (int axis = 0; axis < 3; ++axis) {
    const std::vector<double> places = grid.Places(axis);
    const auto outside = [&](double place) { return place < 0 || place > static_cast<double>(array[axis] - 1); };
    std::vector<double> within;
    std::vector<float> flags;
    for (const double place : places) {
      flags.push_back(outside(place) ? 0.0f : 1.0f);
      if (!outside(place)) within.push_back(place);
    }
    std::vector<float> matrix(places.size() * static_cast<std::size_t>(box.count[axis]));
    if (!within.empty()) {
      const std::vector<float> rows =
          DenseMatrix(SplineAt(within, {array[axis], box.begin[axis], box.count[axis]}, Beyond::kMirror));
      const auto first = std::find(flags.begin(), flags.end(), 1.0f) - flags.begin();
      std::copy(rows.begin(), rows.end(), matrix.begin() + first * box.count[axis]);
    }
    const auto size = static_cast<std::int64_t>(places.size());
    values = AlongAxis(values, MatrixOn(matrix, size, box.count[axis], device), axis + 1);
    std::array<std::int64_t, 3> shape{1, 1, 1};
    shape[axis] = size;
    inside[axis] = MatrixOn(flags, 1, size, device).view(shape) > 0.5;
  }
  return Clipped(values, inside[0] & inside[1] & inside[2], range);
}

// Where every voxel lies, [X, Y, Z] double per axis.
std::array<at::Tensor, 3> PlacesOf(const SampleGrid& grid, const at::Tensor& displacement, c10::Device device) {
  const at::TensorOptions real = at::TensorOptions(at::kDouble).device(device);
  std::array<at::Tensor, 3> from;
  for (int axis = 0; axis < 3; ++axis) {
    std::array<std::int64_t, 3> shape{1, 1, 1};
    shape[axis] = grid.patch[axis];
    from[axis] = (at::arange(grid.patch[axis], real) - static_cast<double>(grid.patch[axis] - 1) / 2).view(shape);
    if (displacement.defined()) from[axis] = from[axis] + displacement.select(0, axis).to(at::kDouble);
  }
  std::array<at::Tensor, 3> places;
  for (int axis = 0; axis < 3; ++axis) {
    const at::Tensor place =
        from[0] * grid.matrix[axis] + from[1] * grid.matrix[3 + axis] + from[2] * grid.matrix[6 + axis];
    places[axis] = (place + grid.middle[axis]).expand({grid.patch[0], grid.patch[1], grid.patch[2]});
  }
  return places;
}

std::array<at::Tensor, 4> CubicWeights(const at::Tensor& t) {
  const at::Tensor u = 1 - t;
  return {u * u * u / 6, (4 - 6 * t * t + 3 * t * t * t) / 6, (4 - 6 * u * u + 3 * u * u * u) / 6, t * t * t / 6};
}

at::Tensor General(const SampleGrid& grid, const at::Tensor& displacement, const Shape3& array, const Box& box,
                   const at::Tensor& voxels, const ResampleRange& range) {
  const c10::Device device = voxels.device();
  // Coefficients as far as the samples reach; two beyond the array's ends.
  Shape3 first{}, count{};
  at::Tensor coefficients = voxels;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t end = box.begin[axis] + box.count[axis];
    first[axis] = box.begin[axis] == 0 ? -1 : box.begin[axis] + kSplineReach;
    const std::int64_t last = end == array[axis] ? array[axis] + 1 : end - 1 - kSplineReach;
    count[axis] = last - first[axis] + 1;
    AMAES_CHECK(count[axis] >= 4);
    const AxisFilter filter =
        SplineCoefficients(first[axis], count[axis], {array[axis], box.begin[axis], box.count[axis]});
    coefficients =
        AlongAxis(coefficients, MatrixOn(DenseMatrix(filter), count[axis], box.count[axis], device), axis + 1);
  }
  coefficients = coefficients.contiguous().view({voxels.size(0), -1});
  const std::array<at::Tensor, 3> places = PlacesOf(grid, displacement, device);
  const std::array<std::int64_t, 3> stride{count[1] * count[2], count[2], 1};
  at::Tensor inside, base;
  std::array<std::array<at::Tensor, 4>, 3> weights;
  for (int axis = 0; axis < 3; ++axis) {
    const at::Tensor in = (places[axis] >= 0) & (places[axis] <= static_cast<double>(array[axis] - 1));
    // Voxels outside are put on a place that exists; what is read there is not used.
    const at::Tensor place =
        at::where(in, places[axis], static_cast<double>(first[axis] + 1)) - static_cast<double>(first[axis] + 1);
    const at::Tensor whole = at::floor(place);
    weights[axis] = CubicWeights((place - whole).to(at::kFloat));
    const at::Tensor index = whole.to(at::kLong) * stride[axis];
    inside = axis == 0 ? in : inside & in;
    base = axis == 0 ? index : base + index;
  }
  base = base.reshape({-1});
  at::Tensor sum = at::zeros({voxels.size(0), base.size(0)}, voxels.options());
  for (int x = 0; x < 4; ++x) {
    for (int y = 0; y < 4; ++y) {
      const at::Tensor plane = (weights[0][x] * weights[1][y]).reshape({-1});
      for (int z = 0; z < 4; ++z) {
        const at::Tensor at_z = coefficients.index_select(1, base + (x * stride[0] + y * stride[1] + z));
        sum.addcmul_(at_z, plane * weights[2][z].reshape({-1}));
      }
    }
  }
  return Clipped(sum.view({voxels.size(0), grid.patch[0], grid.patch[1], grid.patch[2]}), inside, range);
}

}  // namespace

at::Tensor ElasticDisplacementOf(const at::Tensor& noise, double alpha, double sigma) {
  const Shape3 patch{noise.size(1), noise.size(2), noise.size(3)};
  const std::array<ElasticAxis, 3> axes = PlanElastic(patch, alpha, sigma);
  at::Tensor values = noise;
  for (int axis = 0; axis < 3; ++axis) {
    const AxisMatrix& smooth = axes[axis].smooth;
    values = AlongAxis(values, MatrixOn(smooth.values, smooth.out, smooth.in, noise.device()), axis + 1);
  }
  for (int axis = 0; axis < 3; ++axis) {
    const AxisFilter& refine = axes[axis].refine;
    if (refine.out == 0) continue;
    values = AlongAxis(values, MatrixOn(DenseMatrix(refine), refine.out, refine.in, noise.device()), axis + 1);
  }
  return values;
}

at::Tensor ResampleCubic(const SampleGrid& grid, const at::Tensor& displacement, const Shape3& array, const Box& box,
                         const at::Tensor& voxels, const ResampleRange& range) {
  AMAES_CHECK(voxels.dim() == 4 && !box.empty());
  for (int axis = 0; axis < 3; ++axis) AMAES_CHECK(voxels.size(axis + 1) == box.count[axis]);
  SampleGrid moved = grid;
  moved.displacement.clear();
  if (!displacement.defined() && moved.straight()) return Straight(moved, array, box, voxels, range);
  return General(moved, displacement, array, box, voxels, range);
}

}  // namespace amaes

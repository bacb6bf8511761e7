// The spatial transform on tensors of any device: the same grids, splines and fields of noise as libs/transform, equal to it
// within 1e-4. Nothing waits for the device.
#pragma once

#include <ATen/core/Tensor.h>

#include "libs/transform/grid.h"
#include "libs/transform/spatial.h"

namespace amaes {

// [3, X, Y, Z] from noise of the same shape, uniform in [-1, 1). Throws c10::Error.
at::Tensor ElasticDisplacementOf(const at::Tensor& noise, double alpha, double sigma);

// `voxels` [C, x, y, z] float: the part `box` of an array, which must hold NeededBox() of the grid. `displacement` [3, X, Y, Z]
// on the same device, or undefined; the grid's own is not used. → [C, X, Y, Z]. Throws c10::Error.
at::Tensor ResampleCubic(const SampleGrid& grid, const at::Tensor& displacement, const Shape3& array, const Box& box,
                         const at::Tensor& voxels, const ResampleRange& range);

}  // namespace amaes

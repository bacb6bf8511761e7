// Norm and activation as one step of autograd on the CPU, in channels-last layout.
#pragma once

#include <ATen/core/Tensor.h>

#include "libs/models/parameters.h"

namespace amaes {

// float32 or float64 on the CPU, input and parameters alike; everything else takes the tensor library's own operations.
bool CanFuseNorm(const at::Tensor& input, const Affine& norm);

// z = affine instance norm of `input` [B, C, D, H, W] (eps 1e-5, biased variance) + `residual` (undefined: nothing);
// → z > 0 ? z : slope · z. slope = 1: z. The result is channels-last, whatever the input is. Requires CanFuseNorm.
// The same bits with any number of threads. Throws c10::Error where a channel has a single voxel.
at::Tensor FusedNorm(const at::Tensor& input, const Affine& norm, const at::Tensor& residual, double slope);

}  // namespace amaes

// A network with the heads of SwinUNETR's pretraining that takes no time: one number per 32³ voxels, then linear maps.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/cat.h>

#include "libs/models/parameters.h"
#include "libs/models/swin_unetr.h"

namespace amaes {

class TinySwinHeads final : public SwinPretrainingNetwork {
 public:
  explicit TinySwinHeads(std::uint64_t seed = 1) {
    ParameterBuilder builder(seed, parameters_);
    rotation_ = builder.AddUniform("rotation_head.weight", {2, 4}, 1);
    contrastive_ = builder.AddUniform("contrastive_head.weight", {2, 512}, 1);
    scale_ = builder.AddUniform("conv.weight", {1}, 1);
  }

  at::Tensor Forward(const at::Tensor& input) const override { return input * scale_; }
  SwinHeadOutputs ForwardHeads(const at::Tensor& input) const override {
    const at::Tensor pooled = at::avg_pool3d(input, 32).flatten(1).narrow(1, 0, 2);  // [B, 2]
    const at::Tensor odd = at::cat({pooled, input.square().mean({1, 2, 3, 4}).unsqueeze(1)}, 1).narrow(1, 1, 2);
    return {.rotation = at::matmul(pooled, rotation_),
            .contrastive = at::matmul(odd, contrastive_),
            .reconstruction = Forward(input)};
  }

 private:
  at::Tensor rotation_, contrastive_, scale_;
};

}  // namespace amaes

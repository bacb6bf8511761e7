// SwinUNETR's encoder: patches of 2³ voxels become tokens; four stages of two blocks of windowed attention, the second with
// shifted windows; every stage ends by merging 2³ tokens into one. Names and shapes are MONAI's (`swinViT.…`).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "libs/models/parameters.h"
#include "libs/models/swin_window.h"

namespace amaes {

inline constexpr int kSwinStages = 4;
// Channel-normalised, finest first: [B, F·2^i, D/2^(i+1), H/2^(i+1), W/2^(i+1)].
using SwinFeatures = std::array<at::Tensor, kSwinStages + 1>;

// One block: attention within windows, then an MLP, each behind a layer norm and with a residual.
class SwinBlock {
 public:
  SwinBlock() = default;
  SwinBlock(ParameterBuilder& builder, const std::string& name, std::int64_t channels, std::int64_t heads);

  // [B, D, H, W, C] → the same. `index`: RelativePositionIndex(). `mask`: null when the plan is not shifted.
  at::Tensor Forward(const at::Tensor& x, const WindowPlan& plan, const at::Tensor& index, const ShiftMask* mask) const;

 private:
  // [B, windows, n, C] → the same.
  at::Tensor Attend(const at::Tensor& windows, const at::Tensor& index, const ShiftMask* mask) const;

  std::int64_t heads_ = 0;
  Affine norm1_, qkv_, projection_, norm2_, expand_, compress_;
  at::Tensor position_bias_;  // [13³, heads]
};

class SwinTransformer {
 public:
  // `features`: channels of the first level, a multiple of 12. Parameters go through `builder`, the position indices (which
  // MONAI saves once per block) are appended to `buffers`; `buffers` must outlive this object.
  SwinTransformer(ParameterBuilder& builder, std::vector<NamedTensor>& buffers, std::int64_t in_channels,
                  std::int64_t features);

  // [B, in, D, H, W], sides multiples of 32.
  SwinFeatures Forward(const at::Tensor& input) const;

 private:
  struct Stage {
    std::array<SwinBlock, 2> blocks;
    Affine merge_norm;
    at::Tensor merge;  // [2C, 8C]
  };
  // The mask depends on the patch, device and type alone: kept from call to call.
  struct KeptMask {
    WindowPlan plan;
    ShiftMask mask;
  };

  at::Tensor RunStage(int number, at::Tensor x) const;
  const ShiftMask& MaskFor(int stage, const WindowPlan& plan, const at::TensorOptions& options) const;

  const std::vector<NamedTensor>& buffers_;
  Affine embed_;
  std::array<Stage, kSwinStages> stages_;
  mutable std::array<KeptMask, kSwinStages> masks_;
};

}  // namespace amaes

// What stands on SwinUNETR's encoder, in float32 or bfloat16 autocast: MONAI's decoder for segmentation, the light one of this
// project for masked pretraining, and the heads of SwinUNETR's own pretraining.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>

#include "libs/models/layers.h"
#include "libs/models/parameters.h"
#include "libs/models/swin_transformer.h"

namespace amaes {

// Two 3³ convolutions without bias, each with an instance norm without weights, around a residual (behind a 1³ convolution
// and its norm where the channels change): "NAME.conv1.conv.weight", "conv2", "conv3".
class SwinResidualBlock {
 public:
  SwinResidualBlock() = default;
  SwinResidualBlock(ParameterBuilder& builder, const std::string& name, std::int64_t in, std::int64_t out);
  // [B, in, D, H, W] → [B, out, D, H, W]
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  at::Tensor conv1_, conv2_, conv3_;  // conv3_ undefined: none
};

// MONAI's: `encoder1` … `encoder10`, `decoder5` … `decoder1`, `out`.
class SwinSegmentationDecoder {
 public:
  SwinSegmentationDecoder(ParameterBuilder& builder, std::int64_t in_channels, std::int64_t out_channels,
                          std::int64_t features);
  // [B, out, D, H, W]
  at::Tensor Forward(const at::Tensor& input, const SwinFeatures& features) const;

 private:
  struct Up {
    at::Tensor upsample;
    SwinResidualBlock block;
  };
  // For the input and for hidden states 0, 1, 2 and 4; state 3 goes to the decoder as it is.
  std::array<SwinResidualBlock, 5> skips_;
  std::array<Up, kSwinStages + 1> ups_;  // deepest first
  Affine out_;
};

// From the deepest state alone: five times (transposed 2³ convolution to half the channels, one unit), then 1³:
// "rec_head.upsample1", "rec_head.decoder_conv1.conv1", … "rec_head.out_conv".
class SwinLightDecoder {
 public:
  SwinLightDecoder(ParameterBuilder& builder, std::int64_t out_channels, std::int64_t features);
  // [B, 16F, D/32, H/32, W/32] → [B, out, D, H, W]
  at::Tensor Forward(const at::Tensor& deepest) const;

 private:
  struct Up {
    Affine upsample;
    ConvolutionUnit unit;
  };
  std::array<Up, kSwinStages + 1> ups_;
  Affine out_;
};

struct SwinHeadOutputs {
  at::Tensor rotation;        // [B, 4]: logits of the number of quarter turns
  at::Tensor contrastive;     // [B, 512]
  at::Tensor reconstruction;  // [B, in, D, H, W]
};

// `rotation_head` on the first token of the deepest state, `contrastive_head` on the second, `conv` on all of them.
class SwinPretrainingHeads {
 public:
  SwinPretrainingHeads(ParameterBuilder& builder, std::int64_t in_channels, std::int64_t features);
  SwinHeadOutputs Forward(const at::Tensor& deepest) const;
  at::Tensor Reconstruct(const at::Tensor& deepest) const;

 private:
  Affine rotation_, contrastive_;
  std::array<Affine, kSwinStages + 1> steps_;
  Affine out_;
};

}  // namespace amaes

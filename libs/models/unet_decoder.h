// The U-Net's decoder, which MedNeXt has too: four times up, then a 1³ convolution to the output channels.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "libs/models/layers.h"
#include "libs/models/parameters.h"
#include "libs/spec/network_facts.h"

namespace amaes {

inline constexpr int kUNetLevels = 5;
// What an encoder makes, finest first: [B, F·2^i, D/2^i, H/2^i, W/2^i].
using UNetFeatures = std::array<at::Tensor, kUNetLevels>;

// Per level: transposed 2³ convolution, then one unit (light) or two (standard). With skips the first unit sees
// [upsampled, encoder's level]. Names: HEAD.upsample1, HEAD.decoder_conv1.conv1, … HEAD.out_conv, HEAD.ds_out_conv0 … 3.
class UNetDecoder {
 public:
  UNetDecoder() = default;
  UNetDecoder(ParameterBuilder& builder, const NetworkOptions& options);  // options.filters > 0

  at::Tensor Forward(const UNetFeatures& features) const;                   // [B, out, D, H, W]
  std::vector<at::Tensor> ForwardDeep(const UNetFeatures& features) const;  // as Network::ForwardDeep

 private:
  struct Up {
    Affine upsample;
    std::vector<ConvolutionUnit> units;
  };

  // `decoded`: the outputs of the levels, coarsest (the encoder's own) first.
  at::Tensor Run(const UNetFeatures& features, std::vector<at::Tensor>* decoded) const;

  bool skips_ = false;
  std::array<Up, kUNetLevels - 1> ups_;
  Affine out_;
  std::vector<Affine> deep_outs_;  // coarsest first; empty without deep supervision
};

}  // namespace amaes

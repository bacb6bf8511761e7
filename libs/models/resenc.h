// nnU-Net's residual encoder U-Net (ResEnc-L): six stages of widths min(F·2^i, 10 F) with 1, 3, 4, 6, 6, 6 residual blocks, and
// nnU-Net's decoder of one unit per stage. Names and shapes equal those of ResidualEncoderUNet in dynamic-network-architectures
// (`encoder.stem.convs.0.conv.weight` … `decoder.seg_layers.4.bias`).
#pragma once

#include <memory>

#include "libs/models/network.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// As MakeUNet. nnU-Net's decoder has one unit per stage, so that `decoder` decides about the output layers only: the light one
// has the finest, the standard one all five, used or not, as nnU-Net. For segmentation as nnU-Net: standard, with skips.
std::unique_ptr<Network> MakeResEncL(const NetworkOptions& options);

}  // namespace amaes

// The MedNeXt encoder (kernel 3) with the U-Net's decoder, as AMAES uses it. Blocks: depthwise 3³ convolution → norm per
// channel → 1³ expansion → GELU → 1³ compression, plus the input. Names, order and shapes equal the reference's
// (`encoder.stem.weight` … `encoder.bottleneck.3.conv3.bias`, then those of the decoder).
#pragma once

#include <memory>

#include "libs/models/network.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// As MakeUNet. M has 3, 4, 4, 4, 4 blocks with expansions 2, 3, 4, 4, 4; L has 3, 4, 8, 8, 8 with 3, 4, 8, 8, 8.
std::unique_ptr<Network> MakeMedNeXtM(const NetworkOptions& options);
std::unique_ptr<Network> MakeMedNeXtL(const NetworkOptions& options);

}  // namespace amaes

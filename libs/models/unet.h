// The AMAES U-Net: five levels of widths F·2^i, the decoder light or standard, with or without skips. Names, order and shapes
// of the parameters equal the reference's (`encoder.in_conv.conv1.conv.weight` … `rec_head.out_conv.bias`), so that an export
// is a rename at most.
#pragma once

#include <memory>

#include "libs/models/network.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// On the CPU, float32. `options.filters` > 0; the name does not matter. Throws c10::Error.
std::unique_ptr<Network> MakeUNet(const NetworkOptions& options);

}  // namespace amaes

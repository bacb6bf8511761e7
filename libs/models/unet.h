// The AMAES U-Net with the light decoder: five levels, widths F·2^i, decoder without skips, one channel in and out.
// Names, order and shapes of the 66 parameters equal the reference's (`encoder.in_conv.conv1.conv.weight` …
// `rec_head.out_conv.bias`), so that an export is a rename at most.
#pragma once

#include <cstdint>
#include <memory>

#include "libs/models/network.h"

namespace amaes {

struct UNetOptions {
  std::int64_t filters = 32;  // F, channels of the first level
  std::uint64_t seed = 1;     // of the initial weights
};

// On the CPU, float32. Initial weights follow PyTorch's defaults (weights and biases of convolutions uniform in
// ±1/√fan_in, norms 1 and 0), drawn from a counter-based stream: the same on every machine and under every torch.
std::unique_ptr<Network> MakeUNet(const UNetOptions& options);

}  // namespace amaes

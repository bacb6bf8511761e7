// Sizes of the networks, as far as a spec needs them. No LibTorch here.
#pragma once

#include <cstdint>
#include <string>

namespace amaes {

// Channels of the first level that the name stands for; 0 = the name does not say.
std::int64_t FiltersOfNetwork(const std::string& name);

// Parameters of the U-Net with the light decoder: five levels of 3x3x3 convolutions, one input and one output channel.
std::int64_t LightUNetParameters(std::int64_t filters);

// Elements of all convolutions' outputs for one sample with `patch` voxels a side.
std::int64_t LightUNetActivations(std::int64_t filters, std::int64_t patch);

}  // namespace amaes

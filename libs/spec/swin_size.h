// Parameters and activations of SwinUNETR, for network_facts.
#pragma once

#include "libs/spec/network_facts.h"

namespace amaes {

// options.filters: a multiple of 12; sides of `patch` multiples of 32.
NetworkSize SwinUnetrSize(const NetworkOptions& options, const Shape3& patch);

}  // namespace amaes

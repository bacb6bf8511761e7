// The explicit table of networks by name.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "libs/models/network.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// - InvalidArgument: an unknown name (lists the known ones), no width for a name without its own, or a negative one.
// - ResourceExhausted: not enough memory.   - Of a script: as LoadScriptNetwork.
absl::StatusOr<std::unique_ptr<Network>> MakeNetwork(const NetworkOptions& options);

}  // namespace amaes

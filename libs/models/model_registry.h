// The explicit table of networks by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/models/network.h"

namespace amaes {

struct NetworkOptions {
  std::string name = "unet_b";
  std::int64_t filters = 0;  // starting width; 0 = the name's own
  std::uint64_t seed = 1;    // of the initial weights
};

std::vector<std::string> NetworkNames();

// - InvalidArgument: an unknown name (lists the known ones), no width for a name without its own, or a negative one.
// - ResourceExhausted: not enough memory.
absl::StatusOr<std::unique_ptr<Network>> MakeNetwork(const NetworkOptions& options);

}  // namespace amaes

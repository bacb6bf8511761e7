// amaes-worker check-script: what the coordinator, which has no LibTorch, asks before it takes a job with such a network.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// FILE PREFIX DxHxW IN OUT → one line of JSON on standard output: {"sha256", "parameters", "encoder": [{"name", "shape"}…]},
// or {"code", "error"} with the absl code's number. Returns the exit code: 0 = it fits, 1 = it does not, 2 = usage.
int CheckScriptCommand(const std::vector<std::string>& arguments);

// A network that is a file was tried, and its size estimated, at submit: it must be the same file now. OK for other networks.
//   - BAD_SPEC (libs/train/failure.h).
absl::Status CheckScriptUnchanged(const NetworkOptions& network, const std::string& digest);

}  // namespace amaes

// amaes-worker check-script: what the coordinator, which has no LibTorch, asks before it takes a job with such a network.
#pragma once

#include <string>
#include <vector>

namespace amaes {

// FILE PREFIX DxHxW IN OUT → one line of JSON on standard output: {"sha256", "parameters", "encoder_parameters"}, or
// {"code", "error"} with the absl code's number. Returns the exit code: 0 = it fits, 1 = it does not, 2 = usage.
int CheckScriptCommand(const std::vector<std::string>& arguments);

}  // namespace amaes

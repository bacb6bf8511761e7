// Asks a program with LibTorch about a TorchScript network, for there is none here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/checkpoint/init_plan.h"
#include "libs/spec/network_facts.h"
#include "libs/volume/volume.h"

namespace amaes {

struct CheckedScript {
  std::string sha256;
  std::int64_t parameters = 0;
  std::vector<TensorShape> encoder{};  // what finetuning takes over
};

// - InvalidArgument, NotFound: what is wrong with the file.
// - Unavailable: it could not be asked: no such program, no answer in time.
using ScriptChecker = std::function<absl::StatusOr<CheckedScript>(const NetworkOptions&, const Shape3& patch)>;

// Starts `program` check-script (services/worker/check_script.h) as a child and waits for it; for threads that may block.
ScriptChecker CheckScriptsWith(std::string program, absl::Duration timeout);

// A patch for trying a network: sides above 96 shrink to 64 … 127 with the same remainder by 64, so that what divides by 2 … 64
// still does. Pure.
Shape3 SmallPatch(const Shape3& patch);

}  // namespace amaes

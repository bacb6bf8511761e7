// A network that somebody else wrote, as a TorchScript file: one input, one output of the same size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/models/network.h"
#include "libs/volume/volume.h"

namespace amaes {

struct ScriptOptions {
  std::string file;
  std::string encoder_prefix =
      "encoder";  // what finetuning takes over; the names of parameters begin with it and a dot
  std::int64_t in_channels = 1, out_channels = 1;
};

// Names, shapes and initial weights are the file's (float32; no seed has a say); buffers are saved, never updated: the module
// runs in evaluation mode. Its graph is not rewritten at run time, so that a run that was killed ends with the bits of one that
// was not.
//   - NotFound: no such file.
//   - InvalidArgument: not TorchScript, no parameters (frozen), a parameter that is no number, a prefix that fits none.
absl::StatusOr<std::unique_ptr<Network>> LoadScriptNetwork(const ScriptOptions& options);

struct ScriptFacts {
  std::int64_t parameters = 0;  // numbers
  // Name and shape of each tensor that the prefix fits: what finetuning takes over.
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> encoder;
};

// Loads it and tries it on random patches, forward and backward: in one sample and in two, in training mode and out of it.
// A few patches' worth of memory and time.
//   - As LoadScriptNetwork.
//   - InvalidArgument: it fails on [1, in, PATCH], answers with anything but one tensor [1, out, PATCH], mixes samples, has
//     no finite answer or gradient, or answers differently while it trains (dropout, batch norm).
absl::StatusOr<ScriptFacts> CheckScript(const ScriptOptions& options, const Shape3& patch);

}  // namespace amaes

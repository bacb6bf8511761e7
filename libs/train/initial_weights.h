// Initial weights of a network from another job's checkpoint, or from a file.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "libs/checkpoint/init_plan.h"
#include "libs/models/network.h"

namespace amaes {

struct InitialWeights {
  std::string from;            // for people
  std::filesystem::path path;  // of the .safetensors file
  std::string sha256{};        // of it; empty = whatever it holds
  bool load_decoder = false;
  bool allow_mismatch = false;
};

// Fills parameters (and buffers) of `network` in place, and says which. Nothing is changed unless the encoder fits in full (and,
// with load_decoder, a layer of the decoder), or it is allowed not to.
//   - FailedPrecondition: the encoder does not fit, with every kind of misfit; no layer of the decoder does; the file is not the one that was named at submit;
//     no tensor fits at all.   - NotFound, DataLoss, Unavailable: the file.   - Internal: error of the tensor library.
absl::StatusOr<InitPlan> LoadInitialWeights(const InitialWeights& weights, const Network& network);

// Fills the encoder of `to` in place from that of `from`, on the device of either; the stem over several channels as above.
//   - INIT_REFUSED (failure.h): it does not fit in full, with every kind of misfit; nothing is changed.   - INTERNAL.
absl::Status TakeEncoder(const Network& from, const Network& to);

}  // namespace amaes

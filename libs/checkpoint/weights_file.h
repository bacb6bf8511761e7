// Which of a checkpoint's weights are read: the trained ones, or their moving average.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/checkpoint/checkpoint.h"

namespace amaes {

inline constexpr char kModelFile[] = "model.safetensors";
inline constexpr char kAverageFile[] = "ema.safetensors";  // the same tensors

bool HoldsAverage(const CheckpointManifest& manifest);

// The file that `weights` means: "trained", "average", or "auto": the average where there is one.
//   - FailedPrecondition: "average", and there is none.
absl::StatusOr<std::string> WeightsFile(const std::string& weights, bool has_average);

// For people: "trained" or "moving average".
std::string WeightsText(const std::string& file);

}  // namespace amaes

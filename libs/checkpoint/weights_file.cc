#include "libs/checkpoint/weights_file.h"

#include <algorithm>

#include "libs/base/log.h"

namespace amaes {

bool HoldsAverage(const CheckpointManifest& manifest) {
  return std::any_of(manifest.files.begin(), manifest.files.end(),
                     [](const CheckpointFile& file) { return file.name == kAverageFile; });
}

absl::StatusOr<std::string> WeightsFile(const std::string& weights, bool has_average) {
  AMAES_CHECK(weights == "auto" || weights == "trained" || weights == "average");
  if (weights == "average" && !has_average) {
    return absl::FailedPreconditionError(
        "there is no moving average: the job that trained these weights kept none (ema.decay: 0); take auto or "
        "trained");
  }
  return weights != "trained" && has_average ? kAverageFile : kModelFile;
}

std::string WeightsText(const std::string& file) { return file == kAverageFile ? "moving average" : "trained"; }

}  // namespace amaes

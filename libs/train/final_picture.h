// pictures/run.png of a job: loss curve, and what the network makes of a held-out and a training crop.
#pragma once

#include "absl/status/status.h"
#include "libs/models/network.h"
#include "libs/train/train_options.h"

namespace amaes {

// From metrics.jsonl and one fixed crop of each split. Errors of the parts it uses.
absl::Status WriteFinalPicture(const TrainOptions& options, const TrainEnvironment& environment,
                               const Network& network);

}  // namespace amaes

// A pretraining run of one rank, from the newest checkpoint or from scratch to its last step.
//
// Same W, V, seed and threads: the same bits on a CPU, however often the run was interrupted.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "libs/train/train_options.h"

namespace amaes {

struct TrainResult {
  bool complete = false;  // false: stopped on command, with a checkpoint
  std::int64_t step = 0;  // updates done
};

// Blocks. All ranks call it; all stop after the same step. Writes checkpoints/, ledger/, metrics.jsonl and pictures/ of the
// job's folder. Every error carries its reason (failure.h).
absl::StatusOr<TrainResult> Train(const TrainOptions& options, const TrainEnvironment& environment);

}  // namespace amaes

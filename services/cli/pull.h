// Downloading a checkpoint: ranged, resumable, every block verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/amaes/v1/checkpoints.grpc.pb.h"

namespace amaes {

struct PullOptions {
  std::filesystem::path to;       // folder that receives the files
  std::string weights = "model";  // model, ema (their moving average, where the job kept one) or both
  bool all = false;               // also the optimiser's state and the commit marker: enough to resume from
  bool resume = false;            // go on with FILE.part of an earlier try
  // Called after every block: bytes there, bytes in all. False stops (Cancelled; the parts stay).
  std::function<bool(std::int64_t, std::int64_t)> on_progress;
};

// The files of `checkpoint` that a pull takes.   - NotFound: an average is wanted that the job did not keep.
absl::StatusOr<std::vector<v1::CheckpointFile>> FilesToPull(const v1::Checkpoint& checkpoint,
                                                            const PullOptions& options);

// Each file goes to FILE.part, is checked against its SHA-256 as a whole, and only then gets its name.
//   - AlreadyExists: a file is there with other content.   - DataLoss: the content does not fit the digest (the part is
//     removed).   - Cancelled.   - ResourceExhausted: disk full; the parts stay.   - else as ReadCheckpointFile.
absl::Status PullCheckpoint(v1::CheckpointService::StubInterface& stub, const v1::Checkpoint& checkpoint,
                            const PullOptions& options);

}  // namespace amaes

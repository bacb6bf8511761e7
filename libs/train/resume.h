// Where to go on: one rank looks, all follow.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/ids.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/collective/communicator.h"
#include "libs/spec/job_spec.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// Rank 0 takes the newest checkpoint that verifies, reports those that do not (CheckpointRejected), clears away what older
// attempts left unfinished, and publishes the name under the key "resume"; the others wait for it. None: start from scratch.
//   - DeadlineExceeded, Aborted, Unavailable: of the store.   - DataLoss: it is damaged, for this rank.
absl::StatusOr<std::optional<FoundCheckpoint>> AgreeOnResume(const std::filesystem::path& checkpoints,
                                                             AttemptNumber attempt, int rank, RendezvousStore& store,
                                                             const std::function<void(WorkerReport)>& report,
                                                             absl::Duration timeout);

// A run may only go on with the sample stream that it began with.
//   - FailedPrecondition: names the field (sampling_version, dataset.digest, dataset.selection, global_batch, seed) and both values.
absl::Status CheckResumable(const CheckpointManifest& manifest, const TrainingSpec& spec,
                            const std::string& dataset_digest);

}  // namespace amaes

// Why a worker failed, for people and for the restart policy. Attached to a Status where the cause is known.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace amaes {

struct Failure {
  // BAD_SPEC, DATASET_UNREADABLE, DATA_DAMAGED, DATA_MISSING, PEER_LOST, COLLECTIVE_TIMEOUT, COLLECTIVE_FAILED, ATTEMPT_OVER,
  // NON_FINITE_LOSS, OUT_OF_MEMORY, DISK_FULL, STORAGE, RESUME_REFUSED, INIT_REFUSED, GPU_UNUSABLE, INTERNAL.
  std::string reason;
  std::string message;
  bool retryable = true;  // could a new attempt go better?
};

// The status with a reason. OK stays OK; a reason that is there already stays.
absl::Status WithReason(absl::Status status, absl::string_view reason, bool retryable);

// The reasons of a library's errors.
absl::Status CollectiveFailure(const absl::Status& status);  // of a Communicator or the key-value table
absl::Status DataFailure(const absl::Status& status);        // of the loader
absl::Status StorageFailure(const absl::Status& status);     // of checkpoints, ledger, metrics
absl::Status TensorFailure(const absl::Status& status);      // of CatchTorch

// Without a reason: INTERNAL, retryable.
Failure FailureOf(const absl::Status& status);

}  // namespace amaes

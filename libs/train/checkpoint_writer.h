// Checkpoints while training goes on. Two phases: every rank copies its share to host memory (the only stall), then writes it
// on a thread of its own; once all ranks have told each other that theirs is written, rank 0 commits, on its thread too.
// A crash at any point leaves the checkpoint before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/collective/communicator.h"
#include "libs/models/network.h"
#include "libs/train/adamw.h"
#include "libs/train/checkpoint_io.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

struct CheckpointWriterOptions {
  std::filesystem::path checkpoints;  // …/JOB/checkpoints
  std::int64_t keep = 3;
  c10::Device device = at::kCPU;  // of the communicator
};

// Methods marked "all ranks" are collective: every rank calls them in the same order. Not thread-safe.
// Errors carry their reason (failure.h).
class CheckpointWriter {
 public:
  CheckpointWriter(CheckpointWriterOptions options, Communicator& communicator, Clock& clock,
                   std::function<void(WorkerReport)> report);
  // Waits for its threads; what is not committed by then never is.
  ~CheckpointWriter();

  // All ranks. Completes the checkpoint before, copies this rank's share, starts writing. `manifest` is rank 0's, without
  // files and without this attempt's ledgers; `ledger_length` is of this rank's ledger, flushed.
  absl::Status Begin(const Network& network, const AdamW& optimizer, const WeightAverage* average,
                     CheckpointManifest manifest, std::int64_t ledger_length);
  // A checkpoint was begun and not completed: the same on all ranks.
  bool in_flight() const { return in_flight_; }
  // This rank is still writing its share. Never blocks.
  bool unfinished() const;
  // All ranks, once none is unfinished (else it blocks). Exchanges digests; rank 0 starts the commit.
  absl::Status Complete();
  // Reports a commit that has ended and what retention deleted. Never blocks.
  absl::Status Poll();
  // All ranks. Completes, and on rank 0 waits for the commit.
  absl::Status Finish();

 private:
  struct Committed {
    absl::Status status;
    CheckpointCommitted report;
    std::vector<std::string> deleted;
  };

  absl::StatusOr<std::vector<double>> ExchangeSizes(const absl::StatusOr<std::vector<CheckpointFile>>& written);
  absl::StatusOr<std::vector<CheckpointFile>> ExchangeDigests(const CheckpointFile& own,
                                                              const std::vector<double>& sizes);
  void StartCommit();
  Committed Commit(const CheckpointManifest& manifest) const;  // on the commit thread
  absl::Status WaitForCommit();

  const CheckpointWriterOptions options_;
  Communicator& communicator_;
  Clock& clock_;
  const std::function<void(WorkerReport)> report_;

  bool in_flight_ = false;
  CheckpointManifest manifest_;  // of the checkpoint in flight
  std::int64_t ledger_length_ = 0;
  absl::Duration stall_, begun_;
  std::future<absl::StatusOr<std::vector<CheckpointFile>>> writing_;
  std::future<Committed> committing_;  // rank 0
};

}  // namespace amaes

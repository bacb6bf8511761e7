// What a job has done so far, as its workers report it, and what has to outlive a coordinator: kept as JSON in the job's
// record. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/ids.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

struct RankOutcome {
  bool finished = false;  // WorkerFinished came
  bool complete = false;  // … with all work done
  bool exited = false;    // its process is gone, or its node is lost
  std::string cause;      // of the exit
  std::string message;    // last words
  bool retryable = true;
  bool counts = true;  // against the job's restarts
  int order = 0;       // 1 = the first of its attempt that failed; 0 = has not failed
  bool operator==(const RankOutcome&) const = default;
};

struct JobProgress {
  TrainProgress training;
  std::string phase;
  std::vector<ValidationResult> validations;  // oldest first; one per (step, split)
  std::int64_t checkpoint_step = -1;          // newest committed
  absl::Time checkpoint_time = absl::InfinitePast();
  std::string best_checkpoint;            // name; empty: none is watched, or none yet
  IngestCount ingest;                     // the sum of what the ranks said
  std::vector<IngestCount> ingest_ranks;  // of the live attempt; by rank
  absl::Time ingest_started = absl::InfinitePast();
  EvaluationCount evaluation;                     // the sum of what the ranks said
  std::vector<EvaluationCount> evaluation_ranks;  // of the live attempt; by rank
  std::vector<EvaluationScore> scores;            // when all cases are done
  absl::Time updated = absl::InfinitePast();

  std::int64_t best = 0;      // highest step (ingest: files done; evaluation: cases) of all attempts so far
  std::int64_t base = 0;      // `best` when the live attempt began
  std::string staged_digest;  // of the live attempt
  // Of the live attempt; by rank. Empty when there is none.
  std::vector<RankOutcome> ranks;

  // A step or checkpoint beyond the attempts before.
  bool progressed() const { return best > base; }
  void Note(const TrainProgress& report, absl::Time now);
  void Note(const ValidationResult& report, absl::Time now);
  void Note(int rank, const IngestCount& report, absl::Time now);
  void Note(int rank, const EvaluationCount& report, absl::Time now);
};

std::string ProgressToJson(const JobProgress& progress);
// "" is a job without progress.   - DataLoss: damaged.
absl::StatusOr<JobProgress> ProgressFromJson(const std::string& json);

}  // namespace amaes

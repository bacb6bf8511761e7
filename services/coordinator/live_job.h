// A job that has not ended, as the engine holds it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/spec/job_spec.h"
#include "libs/store/records.h"
#include "services/coordinator/progress.h"

namespace amaes {

// What is known of one rank and need not outlive the coordinator. Its outcome: JobProgress::ranks.
struct RankState {
  bool heard = false;     // any message came
  bool training = false;  // takes part
  // Its agent came back without it, or did not come back yet: lost when this passes.
  std::optional<absl::Duration> missing_until;
};

struct LiveAttempt {
  AttemptRecord record;
  std::vector<RankState> ranks;
  absl::Duration begun;                     // Clock::Monotonic
  std::optional<absl::Duration> stop_sent;  // last time
  // A coordinator before this one started it and had its key-value table.
  bool taken_up = false;
  std::map<std::string, std::string> values;
  std::map<std::string, std::set<int>> waits;  // key to ranks
};

struct LiveJob {
  JobRecord record;
  JobSpec spec;
  JobProgress progress;
  std::optional<LiveAttempt> attempt;
  bool publishing = false;  // an ingest whose workers are done: Tick publishes its dataset
  // After an I/O error of publishing: when to try again, how long the pause was, and what the log has been told.
  absl::Duration publish_again, publish_pause;
  std::string publish_error;
  bool first_step = false;  // every rank takes part
  bool dirty = false;       // `progress` holds facts that are not stored yet and have to be
  std::int64_t change = 0;

  bool AllExited() const {
    for (const RankOutcome& rank : progress.ranks) {
      if (!rank.exited) return false;
    }
    return true;
  }
  bool AllComplete() const {
    for (const RankOutcome& rank : progress.ranks) {
      if (!rank.complete) return false;
    }
    return true;
  }
  bool AnyFailed() const {
    for (const RankOutcome& rank : progress.ranks) {
      if (rank.order > 0) return true;
    }
    return false;
  }
};

}  // namespace amaes

// What follows when the last worker of a gang is gone. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace amaes {

struct GangEnd {
  bool cancelled = false;  // the user asked for it
  bool all_finished = false;
  // Of the first rank that failed:
  std::string cause{};  // KILLED, FAILED, OUT_OF_MEMORY, NODE_LOST, COORDINATOR_LOST, NEVER_STARTED, …
  std::string message{};
  bool retryable = true;
  bool counts = true;       // false: not the job's fault (its node or the coordinator was lost)
  bool progressed = false;  // a step or checkpoint beyond the attempt before
};
struct RestartBudget {
  std::int64_t restarts = 0;          // so far, those that count
  std::int64_t without_progress = 0;  // failures that count, in a row
  std::int64_t max_restarts = 10;
  std::int64_t no_progress_limit = 3;  // this many in a row end the job; 0 = no limit
};
struct RestartDecision {
  enum class Outcome { kSucceed, kRestart, kFail, kCancel } outcome = Outcome::kFail;
  RestartBudget budget{};     // afterwards
  absl::Duration back_off{};  // before the next attempt
  std::string reason{};       // RESTARTING, RESTARTS_EXHAUSTED, NO_PROGRESS, NOT_RETRYABLE, …
  std::string message{};
};

// A gang whose ranks all finished succeeds even if a cancel was on its way. A failure that does not count leaves the
// budget as it is (progress resets without_progress). Reasons: SUCCEEDED, CANCELLED, RESTARTING, NOT_RETRYABLE,
// RESTARTS_EXHAUSTED, NO_PROGRESS.
// Back-off: none after the first failure with progress, then 1 s doubling to 60 s with restarts that made no progress.
RestartDecision DecideRestart(const GangEnd& end, const RestartBudget& budget);

}  // namespace amaes

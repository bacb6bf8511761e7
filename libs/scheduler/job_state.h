// The job state machine: one table; every change of a job's state goes through it.
//
//            placed              first step             all ranks finished
//   kQueued ─────────▶ kStarting ─────────▶ kRunning ─────────────────────▶ kSucceeded
//    ▲   │ cancelled      │  │                 │  │
//    │   └──▶ kCancelled  │  │ cancel          │  │ cancel, or a worker failed
//    │                    │  └───────▶ kStopping ◀┘
//    │ gang gone,         │              │   │  │ gang gone after a cancel
//    │ restarts left      │ (ditto)      │   │  └────▶ kCancelled
//    └────────────────────┴──────────────┘   └──▶ kFailed  (no restart left, or not retryable)
//
// A job that waits for another one which does not succeed: kQueued → kFailed.
// All ranks can also finish in kStarting (nothing was left to do) and in kStopping (the cancel came too late): kSucceeded.
// A job without training steps (ingest) goes the same way: its first progress is its first step.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace amaes {

enum class JobState { kQueued, kStarting, kRunning, kStopping, kSucceeded, kFailed, kCancelled };

enum class JobEvent {
  kPlaced,       // slots taken
  kFirstStep,    // every rank takes part
  kAllFinished,  // every rank ended with its work complete
  kCancelRequested,
  kDependencyFailed,  // a job that it comes after did not succeed
  kWorkerFailed,      // one rank ended otherwise, or its node is lost: the rest is being ended
  kGangGoneRestart,   // no worker is left; the job may try again
  kGangGoneFail,      // no worker is left; no restart left, or the cause is not retryable
  kGangGoneCancel,    // no worker is left after a cancel
};

const char* JobStateName(JobState state);  // "QUEUED"
const char* JobEventName(JobEvent event);
absl::StatusOr<JobState> ParseJobState(const std::string& name);  // - InvalidArgument: lists the names.
bool IsTerminal(JobState state);

struct JobTransition {
  JobState from;
  JobEvent event;
  JobState to;
};
const std::vector<JobTransition>& JobTransitions();

// - FailedPrecondition: not in the table; names state and event.
absl::StatusOr<JobState> NextJobState(JobState from, JobEvent event);

}  // namespace amaes

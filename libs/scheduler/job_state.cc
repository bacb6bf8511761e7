#include "libs/scheduler/job_state.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace amaes {
namespace {

using S = JobState;
using E = JobEvent;

constexpr S kStates[] = {S::kQueued, S::kStarting, S::kRunning, S::kStopping, S::kSucceeded, S::kFailed, S::kCancelled};

}  // namespace

const char* JobStateName(JobState state) {
  switch (state) {
    case S::kQueued:
      return "QUEUED";
    case S::kStarting:
      return "STARTING";
    case S::kRunning:
      return "RUNNING";
    case S::kStopping:
      return "STOPPING";
    case S::kSucceeded:
      return "SUCCEEDED";
    case S::kFailed:
      return "FAILED";
    case S::kCancelled:
      return "CANCELLED";
  }
  return "UNKNOWN";
}

const char* JobEventName(JobEvent event) {
  switch (event) {
    case E::kPlaced:
      return "PLACED";
    case E::kFirstStep:
      return "FIRST_STEP";
    case E::kAllFinished:
      return "ALL_FINISHED";
    case E::kCancelRequested:
      return "CANCEL_REQUESTED";
    case E::kDependencyFailed:
      return "DEPENDENCY_FAILED";
    case E::kWorkerFailed:
      return "WORKER_FAILED";
    case E::kGangGoneRestart:
      return "GANG_GONE_RESTART";
    case E::kGangGoneFail:
      return "GANG_GONE_FAIL";
    case E::kGangGoneCancel:
      return "GANG_GONE_CANCEL";
  }
  return "UNKNOWN";
}

absl::StatusOr<JobState> ParseJobState(const std::string& name) {
  for (S state : kStates) {
    if (name == JobStateName(state)) return state;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "'", name, "' is no job state; one of ",
      absl::StrJoin(kStates, ", ", [](std::string* out, S state) { absl::StrAppend(out, JobStateName(state)); })));
}

bool IsTerminal(JobState state) { return state == S::kSucceeded || state == S::kFailed || state == S::kCancelled; }

const std::vector<JobTransition>& JobTransitions() {
  static const auto& table = *new std::vector<JobTransition>{
      {S::kQueued, E::kPlaced, S::kStarting},
      {S::kQueued, E::kCancelRequested, S::kCancelled},
      {S::kQueued, E::kDependencyFailed, S::kFailed},

      {S::kStarting, E::kFirstStep, S::kRunning},
      {S::kStarting, E::kAllFinished, S::kSucceeded},
      {S::kStarting, E::kCancelRequested, S::kStopping},
      {S::kStarting, E::kWorkerFailed, S::kStopping},
      {S::kStarting, E::kGangGoneRestart, S::kQueued},
      {S::kStarting, E::kGangGoneFail, S::kFailed},

      {S::kRunning, E::kAllFinished, S::kSucceeded},
      {S::kRunning, E::kCancelRequested, S::kStopping},
      {S::kRunning, E::kWorkerFailed, S::kStopping},
      {S::kRunning, E::kGangGoneRestart, S::kQueued},
      {S::kRunning, E::kGangGoneFail, S::kFailed},

      {S::kStopping, E::kAllFinished, S::kSucceeded},
      {S::kStopping, E::kCancelRequested, S::kStopping},
      {S::kStopping, E::kWorkerFailed, S::kStopping},
      {S::kStopping, E::kGangGoneRestart, S::kQueued},
      {S::kStopping, E::kGangGoneFail, S::kFailed},
      {S::kStopping, E::kGangGoneCancel, S::kCancelled},
  };
  return table;
}

absl::StatusOr<JobState> NextJobState(JobState from, JobEvent event) {
  for (const JobTransition& transition : JobTransitions()) {
    if (transition.from == from && transition.event == event) return transition.to;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("a job that is ", JobStateName(from), " does not take the event ", JobEventName(event)));
}

}  // namespace amaes

// Whether a job may start, given how the jobs that it comes after are doing. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/base/ids.h"
#include "libs/scheduler/job_state.h"

namespace amaes {

struct Dependency {
  JobId job{};
  JobState state = JobState::kQueued;
};

struct DependencyVerdict {
  enum class Outcome { kReady, kWait, kFail };
  Outcome outcome = Outcome::kReady;
  std::string reason{};   // WAITING_FOR_JOB, DEPENDENCY_FAILED; "" when ready
  std::string message{};  // the same in words
};

// Ready once all have succeeded; fails as soon as one has ended otherwise.
DependencyVerdict JudgeDependencies(const std::vector<Dependency>& dependencies);

}  // namespace amaes

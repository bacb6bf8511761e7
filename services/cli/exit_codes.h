// What `amaes` ends with. Part of the interface: scripts rely on it. `amaes --help` lists the same.
#pragma once

#include "absl/status/status.h"

namespace amaes {

enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,          // anything that has no code of its own
  kExitUsage = 2,          // wrong command line, or a spec with problems
  kExitNotFound = 3,       // no such job, dataset, checkpoint, file
  kExitJobFailed = 4,      // with --wait and `run`: the job FAILED
  kExitJobCancelled = 5,   // with --wait and `run`: the job was CANCELLED
  kExitUnavailable = 6,    // the coordinator cannot be reached
  kExitDataLoss = 7,       // damaged data: a digest does not fit
  kExitConflict = 8,       // the state does not allow it; e.g. the target exists, or a coordinator runs there already
  kExitInterrupted = 130,  // Ctrl-C
};

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace amaes

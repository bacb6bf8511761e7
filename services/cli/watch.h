// Following a job to its end on a screen.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proto/amaes/v1/jobs.pb.h"
#include "services/cli/context.h"

namespace amaes {

// Shows the job until it is over: a live block on a terminal, plain lines elsewhere, nothing with JSON output. A coordinator
// that restarts meanwhile is waited for (one minute). Returns the last state.
//   - NotFound.   - Cancelled: Ctrl-C; the job goes on.   - Unavailable: the coordinator stayed away.
absl::StatusOr<v1::Job> WatchToEnd(Context& context, const std::string& job);

// kExitOk, kExitJobFailed, kExitJobCancelled.
int ExitCodeOfJob(const v1::Job& job);

}  // namespace amaes

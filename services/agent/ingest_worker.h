// The worker of an ingest job: speaks the worker protocol like any other, reads scans in children of its own.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/ingest.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// What the spec says: what is read, and how. Places, limits and the child's command are the caller's.
//   - InvalidArgument: of the spacing.
absl::StatusOr<IngestOptions> IngestOptionsOf(const IngestSpec& spec);

// Descriptor kWorkerSocket must be the agent's socket. `child_command` reads one scan (RunIngestChild).
// Returns the exit code: 0 finished or stopped, 1 failed (reported as WorkerFailed before).
int RunIngestWorker(const std::vector<std::string>& child_command);

}  // namespace amaes

// An evaluation: this rank's share of the cases, and on rank 0 the report.
#pragma once

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/spec/job_spec.h"
#include "libs/worker_protocol/channel.h"

namespace amaes {

// Rank r of W takes every W-th case from the r-th on. Of each finished case a file lies in JOB/evaluation/cases, by which a
// later attempt, of whatever world size, finds it; rank 0 waits for the files of all and writes results.json, results.csv and
// report.html. True: all done; false: stopped on command. Every error carries its reason (libs/train/failure.h).
absl::StatusOr<bool> RunEvaluation(const WorkerStart& start, const JobSpec& spec, AgentLink& link, Clock& clock);

}  // namespace amaes

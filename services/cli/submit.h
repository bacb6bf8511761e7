// Submitting a spec, for `submit`, `dataset add` and `run`.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/spec/spec_io.h"
#include "proto/amaes/v1/jobs.pb.h"
#include "services/cli/context.h"

namespace amaes {

// - InvalidArgument with every problem (ProblemsOf): of the text and of the values.   - else as JobService.CreateJob.
// An empty request id: a new one.
absl::StatusOr<v1::CreateJobResponse> CreateJob(Context& context, const ParsedSpec& parsed,
                                                const std::string& request_id, bool validate_only);

}  // namespace amaes

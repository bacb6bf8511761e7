// The explicit table of objectives.
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "absl/status/statusor.h"
#include "libs/evaluate/objective.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// `spec` is complete and valid.   - InvalidArgument: a kind of job that trains nothing.
absl::StatusOr<std::unique_ptr<Objective>> MakeObjective(const JobSpec& spec, c10::Device device);

}  // namespace amaes

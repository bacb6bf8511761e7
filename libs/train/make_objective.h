// The explicit table of objectives.
#pragma once

#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/evaluate/objective.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// `spec` is complete and valid; `groups`: of scans whose loss is told apart.   - InvalidArgument: a kind of job that trains nothing.
absl::StatusOr<std::unique_ptr<Objective>> MakeObjective(const JobSpec& spec, c10::Device device,
                                                         std::vector<std::string> groups = {});

}  // namespace amaes

// All that is wrong with a spec, as the API says it.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "libs/spec/spec_io.h"

namespace amaes {

// InvalidArgument, INVALID_SPEC, with every problem by its field.
absl::Status InvalidSpec(const std::vector<SpecProblem>& problems);

}  // namespace amaes

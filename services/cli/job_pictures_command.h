#pragma once

#include "services/cli/context.h"

namespace amaes {

// job pictures
void AddJobPicturesCommand(CLI::App& jobs, Context& context);

}  // namespace amaes

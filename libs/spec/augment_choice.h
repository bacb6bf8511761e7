// What a job's augment fields mean.
#pragma once

#include "libs/draws/augment_draws.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// The preset with the switches that the job sets. Finetuning crops at the patch's own size and clips nothing, as the
// reference does. `spec` is valid and trains.
Augmentation AugmentationOf(const JobSpec& spec);

}  // namespace amaes

// How long a training job will take, before it starts. Rough.
#pragma once

#include "libs/spec/spec_io.h"
#include "libs/store/store.h"

namespace amaes {

// Sets `estimate.seconds` and `estimate.basis`: by the speed of the newest job of the same kind with the same network, arithmetic per
// sample, precision and device, per worker; else by an assumed rate. Its probes count, with `pass_length` samples in a pass. Leaves them for a job
// that does not train.
void EstimateTime(StoreReader& store, const JobSpec& spec, std::int64_t pass_length, SpecEstimate& estimate);

}  // namespace amaes

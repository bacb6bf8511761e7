// Which rank takes which lanes and volumes. Pure.
#pragma once

#include <vector>

#include "libs/dataset/catalogue.h"
#include "libs/dataset/selection.h"
#include "libs/spec/job_spec.h"
#include "libs/store/records.h"
#include "proto/amaes/v1/jobs.pb.h"

namespace amaes {

// `ranks`: where the newest attempt runs; empty when there was none. `step`: the next one to take. `job`: of a kind that trains. `selection`: of the spec, resolved;
// `entries`: what its volumes are in the catalogue.
v1::ShardPlan MakeShardPlan(const JobSpec& job, std::int64_t step, AttemptNumber attempt,
                            const std::vector<SlotRef>& ranks, const DatasetVersion& dataset,
                            const Selection& selection, const std::vector<std::int64_t>& entries);

}  // namespace amaes

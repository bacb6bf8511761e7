// A job as the API shows it. Pure.
#pragma once

#include <filesystem>
#include <string>

#include "proto/amaes/v1/jobs.pb.h"
#include "services/coordinator/engine_types.h"

namespace amaes {

v1::Job ToProto(const JobView& view, const std::filesystem::path& folder);

// Seconds to the end; 0 = not known.
double TrainingEta(const JobView& view);
double IngestEta(const JobView& view);
double EvaluationEta(const JobView& view);
// Of whatever kind.
double JobEta(const JobView& view);

// 0 … 1.
double ShareDone(const JobView& view);

}  // namespace amaes
